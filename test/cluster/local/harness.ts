/** For end-to-end tests of the local provider: the command line and kubectl on a cluster of a given name, with its state in a temporary folder. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readEnv, type Env } from '../env.ts';
import { exec, type ExecResult } from '../exec.ts';
import type { NodeInfo } from '../provider.ts';
import { dockerArchive } from './archive.ts';
import { KUBERNETES } from './binaries.ts';
import { traces } from './traces.ts';

const CLI = join(import.meta.dirname, '..', 'cli.ts');
/** Image with nothing but busybox, loaded by loadBusybox. */
export const BUSYBOX = 'kubectl-mesh.local/e2e-busybox:1';

export interface Harness {
  home: string;
  env: Env;
  kubectlPath: string;
  kubeconfig: string;
  /** Runs the command line. */
  result(...args: string[]): Promise<ExecResult>;
  /** The same, which must succeed; returns its standard output. */
  cli(...args: string[]): Promise<string>;
  nodes(): Promise<NodeInfo[]>;
  kubectlResult(...args: string[]): Promise<ExecResult>;
  kubectl(...args: string[]): Promise<string>;
  apply(...objects: object[]): Promise<void>;
  loadBusybox(): Promise<void>;
  /** Number of a node's first process on this machine, NaN if it never ran. */
  initPid(node: number): Promise<number>;
  /** Starts `up`, sends the signal to its process group after so many milliseconds, and gives its status when it has ended. */
  stopped(delay: number, signal: NodeJS.Signals): Promise<number | null>;
  /** Fails if anything of the cluster is on this machine. */
  assertGone(): void;
  /** Takes the cluster down and removes the temporary folder. */
  close(): Promise<void>;
}

export async function harness(name: string, prefix: readonly string[] = []): Promise<Harness> {
  const home = await mkdtemp(join(tmpdir(), 'kubectl-mesh-e2e-'));
  const env = readEnv({ ...process.env, XDG_STATE_HOME: join(home, 'state') });
  const kubeconfig = join(env.clustersDir, name, 'kubeconfig');
  const kubectlPath = join(env.cacheDir, KUBERNETES.name, 'kubectl');
  const words = (args: string[]) => [...prefix, process.execPath, CLI, ...args, '--name', name, '--provider', 'local'];
  const run = (list: string[]) => exec(list[0]!, list.slice(1), { env: env.vars });
  const ok = ({ code, stdout, stderr }: ExecResult, what: string) => {
    assert.equal(code, 0, `${what}: ${stderr}`);
    return stdout;
  };
  const self: Harness = {
    home,
    env,
    kubectlPath,
    kubeconfig,
    result: (...args) => run(words(args)),
    cli: async (...args) => ok(await run(words(args)), args.join(' ')),
    nodes: async () => JSON.parse(await self.cli('nodes', '-o', 'json')) as NodeInfo[],
    kubectlResult: (...args) => run([kubectlPath, '--kubeconfig', kubeconfig, ...args]),
    kubectl: async (...args) => ok(await self.kubectlResult(...args), `kubectl ${args.join(' ')}`),
    apply: async (...items) => {
      const file = join(home, 'manifest.json');
      await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
      await self.kubectl('apply', '-f', file);
    },
    loadBusybox: async () => {
      const archive = join(home, 'busybox.tar');
      const busybox = { path: 'bin/busybox', mode: 0o755, content: await readFile('/usr/bin/busybox') };
      await writeFile(archive, dockerArchive({ tag: BUSYBOX, files: [busybox], entrypoint: ['/bin/busybox'] }));
      await self.cli('load', archive);
    },
    initPid: async (node) => Number.parseInt(await readFile(join(env.clustersDir, name, 'nodes', String(node), 'init.pid'), 'utf8').catch(() => ''), 10),
    stopped: async (delay, signal) => {
      const [command, ...args] = words(['up']);
      const child = spawn(command!, args, { env: env.vars, stdio: 'ignore', detached: true });
      const ended = once(child, 'close');
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, delay))]);
      if (child.exitCode === null) process.kill(-child.pid!, signal);
      await ended;
      return child.exitCode;
    },
    assertGone: () => assert.deepEqual(traces(name, env.clustersDir), []),
    close: async () => {
      await self.cli('down');
      self.assertGone();
      await rm(home, { recursive: true });
    },
  };
  return self;
}

/** Asks twice a second for up to 30 s until the answer fits. */
export async function eventually(question: () => Promise<string>, answer: RegExp): Promise<void> {
  let last = '';
  for (let attempt = 0; attempt < 60; attempt += 1) {
    last = await question();
    if (answer.test(last)) return;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  assert.match(last, answer);
}
