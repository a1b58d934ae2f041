import assert from 'node:assert/strict';
import { COMMANDS } from '../commands.ts';
import { matchesGolden } from '../testing/golden.ts';
import { testIo } from '../testing/io.ts';
import { cli } from './cli.ts';
import type { Deps } from './command.ts';
import { EXIT } from './exit.ts';

const deps: Deps = { connect: () => Promise.reject(new Error('no cluster in this test')) };

async function type(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const io = testIo();
  const code = await cli(argv, io, deps);
  return { code, out: io.out(), err: io.err() };
}

const WRONG = [
  'instal', 'isntall --wait', '-x', '--contxt a', 'install --trust-domian x', 'install -o xml', 'install -o', 'install extra', 'install --timeout 5',
  'install --proxy-log-level verbose', 'inject', 'inject /no/such/file', 'stat', 'stat depoy', 'stat deploy/', 'stat deploy -n a -A', 'stat deploy -t soon', 'tap deploy',
  'tap deploy/a deploy/b', 'tap deploy/a --max-rps no', 'tap deploy/a --status 700', 'tap deploy/a --limit 0', 'edges svc', 'edges deploy,po', 'check --wait -1s', 'version foo',
  'completion basch', 'inject - -',
];

describe('the command line', () => {
  it('shows the commands, without any and with --help', async () => {
    const { code, out } = await type();
    assert.equal(code, EXIT.ok);
    matchesGolden(import.meta, 'help/mesh.txt', out);
    assert.equal((await type('--help')).out, out);
  });

  for (const command of COMMANDS.filter((c) => !c.hidden)) {
    it(`shows help with examples for ${command.name}`, async () => {
      const { code, out, err } = await type(command.name, '--help');
      assert.equal(code, EXIT.ok);
      assert.equal(err, '');
      assert.match(out, /Examples:/);
      matchesGolden(import.meta, `help/${command.name}.txt`, out);
    });
  }

  it('answers every mistake with one paragraph, exit code 2 and nothing on stdout', async () => {
    const said: string[] = [];
    for (const line of WRONG) {
      const { code, out, err } = await type(...line.split(' '));
      assert.equal(code, EXIT.usage, `${line}: ${err}`);
      assert.equal(out, '', line);
      assert.equal(err.trimEnd().split('\n').length, 1, line);
      said.push(`$ kubectl mesh ${line}\n${err}`);
    }
    matchesGolden(import.meta, 'wrong.txt', said.join('\n'));
  });

  it('shows a stack only with --verbose', async () => {
    const quiet = await type('check', '--wait', '0s', '-o', 'short');
    assert.doesNotMatch(quiet.err, /at /);
    const quieter = await type('stat', 'deploy');
    assert.equal(quieter.code, EXIT.failed);
    assert.match(quieter.err, /^error: no cluster in this test\. .*--verbose/);
    assert.match((await type('stat', 'deploy', '--verbose')).err, /cli\.test\.ts/);
  });

  it('takes the last of a flag that is given twice', async () => {
    assert.match((await type('version', '--client', '-o', 'json', '-o', 'short')).out, /^\d+\.\d+\.\d+\n$/);
  });

  it('takes a number for a name as it is', async () => {
    const { err } = await type('stat', 'deploy/007', '-n', '0x1');
    assert.doesNotMatch(err, /takes|mean/);
  });

  it('prints its version', async () => {
    assert.match((await type('--version')).out, /^\d+\.\d+\.\d+\n$/);
    assert.match((await type('version', '--client', '-o', 'short')).out, /^\d+\.\d+\.\d+\n$/);
  });
});
