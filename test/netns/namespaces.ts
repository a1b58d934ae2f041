/** Two "pods" in network namespaces of their own, routed through this one, as a node would do it. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { promisify } from 'node:util';

const exec = promisify(execFile);

export async function sh(command: string, args: string[]): Promise<string> {
  return (await exec(command, args, { encoding: 'utf8', maxBuffer: 64 << 20 })).stdout;
}

export interface Pod { name: string; ip: string; ip6: string; gateway: string }

/** Makes a namespace with an address of its own and a default route through this one. */
export async function createPod(tag: string, n: number): Promise<Pod> {
  const name = `mesh-test-${tag}-${n}`;
  const host = `mt${tag}${n}`;
  const pod: Pod = { name, ip: `10.231.${n}.2`, ip6: `fd31:${n}::2`, gateway: `10.231.${n}.1` };
  await deletePod(name);
  await sh('ip', ['netns', 'add', name]);
  await sh('ip', ['link', 'add', host, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name]);
  await sh('ip', ['addr', 'add', `${pod.gateway}/24`, 'dev', host]);
  await sh('ip', ['link', 'set', host, 'up']);
  await sh('ip', ['addr', 'add', `fd31:${n}::1/64`, 'dev', host, 'nodad']);
  await sh('ip', ['-n', name, 'addr', 'add', `${pod.ip6}/64`, 'dev', 'eth0', 'nodad']);
  for (const args of [['addr', 'add', `${pod.ip}/24`, 'dev', 'eth0'], ['link', 'set', 'eth0', 'up'], ['link', 'set', 'lo', 'up'], ['route', 'add', 'default', 'via', pod.gateway], ['-6', 'route', 'add', 'default', 'via', `fd31:${n}::1`]]) await sh('ip', ['-n', name, ...args]);
  return pod;
}

export async function deletePod(name: string): Promise<void> {
  await sh('ip', ['netns', 'del', name]).catch(() => {}); // it may not exist
}

/** A program inside a pod, as `uid`; ended by stop(). */
export class Program {
  readonly child: ChildProcess;
  output = '';
  private readonly exited: Promise<number>;

  constructor(pod: Pod, uid: number, command: string[], env: Record<string, string> = {}) {
    this.child = spawn('nsenter', [`--net=/run/netns/${pod.name}`, 'setpriv', '--reuid', String(uid), '--regid', String(uid), '--clear-groups', ...command], { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
    const collect = (b: Buffer): void => { this.output += b.toString('latin1'); };
    this.child.stdout!.on('data', collect);
    this.child.stderr!.on('data', collect);
    this.exited = new Promise((resolve) => { this.child.once('exit', (code) => resolve(code ?? -1)); });
  }

  /** Waits for text in the output. */
  async says(text: string, timeoutMs = 20_000): Promise<void> {
    const until = performance.now() + timeoutMs;
    while (!this.output.includes(text)) {
      if (this.child.exitCode !== null || performance.now() > until) throw new Error(`never said "${text}"; it said:\n${this.output}`);
      await new Promise((r) => { setTimeout(r, 10); });
    }
  }

  async done(): Promise<number> {
    return this.exited;
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number> {
    this.child.kill(signal);
    return this.exited;
  }
}

/** Runs a program inside a pod to its end; its output, whatever the exit code. */
export async function run(pod: Pod, uid: number, command: string[], input = ''): Promise<{ code: number; output: string }> {
  const p = new Program(pod, uid, command);
  p.child.stdin!.end(input);
  const code = await p.done();
  return { code, output: p.output };
}
