import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Exec } from '../exec.ts';
import { COREDNS, KUBERNETES, programs, type Build } from './binaries.ts';

const BUILD: Build = { ...COREDNS, name: 'thing-1', title: 'Thing 1', programs: ['one', 'two'], disk: 1 };

describe('programs', () => {
  let cacheDir: string;
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line);
  beforeEach(async () => {
    cacheDir = await mkdtemp(join(tmpdir(), 'cache-'));
    lines.length = 0;
  });
  afterEach(() => rm(cacheDir, { recursive: true }));

  /** Stands in for the Go command: writes the programs where -o says. */
  const go = (options: { version?: string; fail?: string; missing?: boolean } = {}) => {
    const calls: string[][] = [];
    const run: Exec = async (command, args, execOptions) => {
      calls.push([command, ...args]);
      if (options.missing) return { code: 127, stdout: '', stderr: '' };
      if (args[0] === 'env') return { code: 0, stdout: `${options.version ?? 'go1.26.8'}\n`, stderr: '' };
      execOptions?.onLine?.('go: downloading example.com/a v1.0.0');
      if (options.fail !== undefined) return { code: 1, stdout: '', stderr: options.fail };
      const out = args[args.indexOf('-o') + 1]!;
      for (const program of BUILD.programs) await writeFile(join(out, program), program);
      return { code: 0, stdout: '', stderr: '' };
    };
    return { run, calls, builds: () => calls.filter((call) => call[1] === 'build').length };
  };

  it('builds once and keeps the result', async () => {
    const { run, builds } = go();
    const dir = await programs(BUILD, { run, log, cacheDir, vars: {} });
    assert.equal(dir, join(cacheDir, 'thing-1'));
    assert.equal(await readFile(join(dir, 'two'), 'utf8'), 'two');
    await programs(BUILD, { run, log, cacheDir, vars: {} });
    assert.equal(builds(), 1);
    assert.match(lines.join('\n'), /building Thing 1 .*\.\.\.\n.*done in/);
  });

  it('makes a program of the tests of a package', async () => {
    const { run, calls } = go();
    const build: Build = { ...BUILD, tests: true, programs: ['x.test'], packages: ['example.com/x'] };
    await assert.rejects(programs(build, { run: (command, args, options) => (args[0] === 'env' ? run(command, args, options) : Promise.reject(new Error(args.join(' ')))), log, cacheDir, vars: {} }),
      /^Error: test -c -o \S+\/x\.test -mod=readonly .* example\.com\/x$/);
    assert.equal(calls.length, 1);
  });

  it('builds once when two runs start together', async () => {
    const { run, builds } = go();
    await Promise.all([1, 2, 3].map(() => programs(BUILD, { run, log, cacheDir, vars: {} })));
    assert.equal(builds(), 1);
  });

  it('clears away what a killed build left, and never takes it for a result', async () => {
    await mkdir(join(cacheDir, 'thing-1.new-dead'));
    await mkdir(join(cacheDir, 'thing-1'));
    await writeFile(join(cacheDir, 'thing-1', 'one'), 'old');
    const dir = await programs(BUILD, { run: go().run, log, cacheDir, vars: {} });
    assert.equal(await readFile(join(dir, 'one'), 'utf8'), 'one');
    assert.deepEqual((await readdir(cacheDir)).sort(), ['thing-1', 'thing-1.lock']);
  });

  it('leaves nothing half made when a build fails, and says why', async () => {
    const stderr = 'go: downloading x v1\ncmd/compile\nx.go:1: undefined: y\n';
    await assert.rejects(programs(BUILD, { run: go({ fail: stderr }).run, log, cacheDir, vars: {} }), /Building Thing 1 failed\. Go said: x\.go:1: undefined: y\./);
    assert.deepEqual(await readdir(cacheDir), ['thing-1.lock']);
  });

  it('names a full disk', async () => {
    await assert.rejects(programs(BUILD, { run: go({ fail: 'write /x: no space left on device' }).run, log, cacheDir, vars: {} }), /The disk is full/);
    await assert.rejects(programs({ ...BUILD, disk: 2 ** 60 }, { run: go().run, log, cacheDir, vars: {} }), /Too little disk space.*XDG_CACHE_HOME/);
  });

  it('says what to do without Go, or with an old one', async () => {
    await assert.rejects(programs(BUILD, { run: go({ missing: true }).run, log, cacheDir, vars: {} }), /The command go was not found\. Go 1\.24 or later is needed.*Install it/);
    await assert.rejects(programs(BUILD, { run: go({ version: 'go1.19.8' }).run, log, cacheDir, vars: {} }), /go1\.19\.8, which is too old/);
  });

  it('builds all of Kubernetes at once, pinned and stamped', async () => {
    const { run, calls } = go();
    await programs({ ...KUBERNETES, name: 'k', programs: BUILD.programs, disk: 1 }, { run, log, cacheDir, vars: {} });
    const build = calls.find((call) => call[1] === 'build')!;
    assert.equal(build.filter((argument) => argument.startsWith('k8s.io/kubernetes/cmd/')).length, 6);
    assert.ok(build.includes('-mod=readonly'));
    assert.match(build[build.indexOf('-ldflags') + 1]!, /gitVersion=v1\.34\.4 .*gitMajor=1 .*gitMinor=34/);
  });
});

describe('go.mod files', () => {
  it('pin the versions that the cache folders are named after', async () => {
    const { KUBERNETES_VERSION, COREDNS_VERSION } = await import('./layout.ts');
    const kubernetes = await readFile(join(KUBERNETES.moduleDir, 'go.mod'), 'utf8');
    assert.ok(kubernetes.includes(`k8s.io/kubernetes v${KUBERNETES_VERSION}`));
    const staging = [...kubernetes.matchAll(/^\tk8s\.io\/[\w-]+ => k8s\.io\/[\w-]+ (v\S+)$/gm)].map((match) => match[1]);
    assert.ok(staging.length > 25);
    assert.deepEqual([...new Set(staging)], [`v0.${KUBERNETES_VERSION.split('.').slice(1).join('.')}`]);
    const { GATEWAY_API_MODULE_DIR, GATEWAY_API_VERSION } = await import('../../gateway-api/module.ts');
    const gatewayApi = await readFile(join(GATEWAY_API_MODULE_DIR, 'go.mod'), 'utf8');
    for (const line of [`sigs.k8s.io/gateway-api/conformance v${GATEWAY_API_VERSION}`, `replace sigs.k8s.io/gateway-api => sigs.k8s.io/gateway-api v${GATEWAY_API_VERSION}`]) assert.ok(gatewayApi.includes(line));
    assert.ok((await readFile(join(COREDNS.moduleDir, 'go.mod'), 'utf8')).includes(`github.com/coredns/coredns v${COREDNS_VERSION}`));
  });
});
