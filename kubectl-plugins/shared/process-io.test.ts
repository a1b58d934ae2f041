import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** What the plugin says on standard error, which is no terminal here. */
function said(env: Record<string, string>): string {
  const vars: NodeJS.ProcessEnv = { ...process.env, ...env };
  for (const name of ['FORCE_COLOR', 'NO_COLOR', 'CI']) if (!(name in env)) delete vars[name];
  return spawnSync(process.execPath, [join(import.meta.dirname, '../mesh.ts'), 'install', '--registri'], { env: vars, encoding: 'utf8' }).stderr;
}

describe('colour', () => {
  it('is for terminals: neither a pipe nor a CI system gets any', () => {
    for (const env of [{}, { CI: 'true' }, { TERM: 'xterm-256color' }] as Record<string, string>[]) assert.match(said(env), /^error: /, JSON.stringify(env));
  });

  it('can be asked for', () => assert.ok(said({ FORCE_COLOR: '1' }).startsWith('\x1b[31merror:')));
});
