import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { availableTargets, bundle, BundleError, KUBE_CLIENT_NAMES, MIN_NODE, writeLaunchers, type Target } from './bundle.ts';

const ROOT = new URL('..', import.meta.url).pathname;

describe('bundles', () => {
  let dir: string;
  beforeEach(() => { dir = mkdtempSync(join(tmpdir(), 'bundle-test-')); });
  afterEach(() => { rmSync(dir, { recursive: true }); });

  function source(name: string, text: string): Target {
    writeFileSync(join(dir, `${name}.ts`), text);
    return { name, entry: `${name}.ts`, out: `${name}.mjs` };
  }

  it('run, have their assets beside them and are the same bytes each time', async () => {
    writeFileSync(join(dir, 'words.txt'), 'from a file');
    writeFileSync(join(dir, 'old.cjs'), "module.exports = require('node:path').sep;");
    const target = source('hello', "import { readFileSync } from 'node:fs';\nimport sep from './old.cjs';\nconsole.log(readFileSync(new URL('words.txt', import.meta.url), 'utf8'), sep);\n");
    target.assets = ['words.txt'];
    for (const out of ['one', 'two']) await bundle(dir, join(dir, out), [target]);
    assert.equal(execFileSync(process.execPath, [join(dir, 'one', 'hello.mjs')], { encoding: 'utf8' }), 'from a file /\n');
    const text = readFileSync(join(dir, 'one', 'hello.mjs'), 'utf8');
    assert.equal(text, readFileSync(join(dir, 'two', 'hello.mjs'), 'utf8'));
    assert.ok(!text.includes(dir), 'names no folder of this machine');
  });

  it('are made of the entries that exist; one that fails says where, and leaves the others', async () => {
    const good = source('good', 'export {};');
    const bad = source('bad', "import './missing.ts';");
    assert.deepEqual(await availableTargets(dir, [good, { name: 'later', entry: 'later.ts', out: 'later.mjs' }]), [good]);
    await assert.rejects(bundle(dir, join(dir, 'dist'), [bad, good]), (error: Error) => {
      assert.ok(error instanceof BundleError);
      assert.match(error.message, /^cannot bundle bad \(bad\.ts\):\n {2}bad\.ts:1: Could not resolve "\.\/missing\.ts"$/);
      return true;
    });
    assert.ok(readFileSync(join(dir, 'dist', 'good.mjs')));
  });

  it('leave out of the Kubernetes client only what no module asks for', () => {
    const files = globSync('{lib,kubectl-plugins,control,webhook,api}/**/*.ts', { cwd: ROOT });
    for (const file of files) {
      const text = readFileSync(join(ROOT, file), 'utf8');
      for (const [, names] of text.matchAll(/\{([^{}]*)\} = await import\('@kubernetes\/client-node'\)/g)) {
        for (const name of names!.split(',')) assert.ok(KUBE_CLIENT_NAMES.includes(name.trim()), `${file} takes ${name.trim()}`);
      }
      const taken = text.match(/(?<!\} = await )import\('@kubernetes\/client-node'\)(?![.\w])/g) ?? [];
      assert.deepEqual(taken, [], `${file} must name what it takes: const { … } = await import(…)`);
    }
  });
});

describe('the launcher of kubectl-mesh', () => {
  let dir: string;
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'launcher-test-'));
    await writeLaunchers(join(dir, 'dist'));
    writeFileSync(join(dir, 'dist', 'mesh.mjs'), 'console.log(JSON.stringify([process.execPath, ...process.argv.slice(2)]));');
  });
  afterEach(() => { rmSync(dir, { recursive: true }); });

  function runWith(path: string, file: string, ...args: string[]) {
    return spawnSync(file, args, { encoding: 'utf8', env: { PATH: path } });
  }

  it("runs the user's Node from wherever a link to it lies", () => {
    mkdirSync(join(dir, 'bin'));
    symlinkSync('../dist/kubectl-mesh', join(dir, 'bin', 'kubectl-mesh'));
    symlinkSync(process.execPath, join(dir, 'bin', 'node'));
    const { stdout } = runWith(`${join(dir, 'bin')}:/usr/bin:/bin`, join(dir, 'bin', 'kubectl-mesh'), 'install', '--set', 'a b');
    assert.deepEqual(JSON.parse(stdout), [process.execPath, 'install', '--set', 'a b']);
  });

  it('prefers the Node that the checkout has installed', () => {
    mkdirSync(join(dir, 'node_modules', '.bin'), { recursive: true });
    writeFileSync(join(dir, 'node_modules', '.bin', 'node'), '#!/bin/sh\necho "checkout $2"\n', { mode: 0o755 });
    assert.equal(runWith('/usr/bin:/bin', join(dir, 'dist', 'kubectl-mesh'), 'stat').stdout, 'checkout stat\n');
  });

  it('says in a line that there is no Node', () => {
    mkdirSync(join(dir, 'bin'));
    for (const tool of ['dirname', 'readlink']) symlinkSync(`/usr/bin/${tool}`, join(dir, 'bin', tool));
    const { status, stderr } = runWith(join(dir, 'bin'), join(dir, 'dist', 'kubectl-mesh'));
    assert.deepEqual([status, stderr], [1, `kubectl-mesh: Node.js was not found. It needs Node.js ${MIN_NODE} or newer on the PATH.\n`]);
  });

  it('says in a line that Node is too old, before anything that an old one cannot read', () => {
    const guard = readFileSync(join(dir, 'dist', 'kubectl-mesh.mjs'), 'utf8').replace(/^#!.*\n/, '').replace(/^import\(.*\n/m, '');
    const said: string[] = [];
    const exits: number[] = [];
    runInNewContext(guard, {
      process: { versions: { node: '18.19.0' }, execPath: '/usr/bin/node', exit: (code: number) => { exits.push(code); } },
      console: { error: (line: string) => { said.push(line); } },
    });
    assert.deepEqual(exits, [1]);
    assert.deepEqual(said, [`kubectl-mesh: this is Node.js 18.19.0 (/usr/bin/node), and it needs ${MIN_NODE} or newer. Put a newer node first on the PATH.`]);
  });

  it('completes by asking the program', () => {
    symlinkSync(process.execPath, join(dir, 'dist', 'node'));
    const { stdout } = runWith(`${join(dir, 'dist')}:/usr/bin:/bin`, join(dir, 'dist', 'kubectl_complete-mesh'), 'inst');
    assert.deepEqual(JSON.parse(stdout.trim()).slice(1), ['__complete', 'inst']);
  });
});
