/** Finding and ending everything that runs on the nodes of a cluster. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { ClusterError } from '../provider.ts';
import type { NodeLayout } from './layout.ts';

/** The first process of the node as this machine numbers it, or undefined if it does not run. */
export async function nodeProcess(node: NodeLayout): Promise<number | undefined> {
  const text = await readFile(`${node.dir}/init.pid`, 'utf8').catch(() => '');
  const pid = Number(text);
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  return (await argumentsOf(pid)).includes(node.initScript) ? pid : undefined;
}

/** Command line of a process, empty if it has ended. */
export async function argumentsOf(pid: number): Promise<string[]> {
  return (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
}

/**
 * Numbers of the processes inside the given network namespaces (paths), and of those that were started with one of the
 * `marks` as an argument of its own: an init script that was started but has not entered its namespace yet.
 */
export async function processesOf(netns: readonly string[], isMark: (argument: string) => boolean): Promise<number[]> {
  const inodes = new Set((await Promise.all(netns.map((path) => stat(path).then((s) => s.ino, () => -1)))).filter((inode) => inode > 0));
  const pids = (await readdir('/proc')).map(Number).filter((pid) => pid > 0 && pid !== process.pid);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const inode = await stat(`/proc/${pid}/ns/net`).then((s) => s.ino, () => -1);
      return inodes.has(inode) || (await argumentsOf(pid)).some(isMark) ? pid : undefined;
    }),
  );
  return found.filter((pid) => pid !== undefined);
}

const ATTEMPTS = 100;
const PAUSE_MS = 100;

/** Kills them and waits until none is left. Throws ClusterError if some do not end within 10 s. */
export async function killAll(find: () => Promise<number[]>): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const pids = await find();
    if (pids.length === 0) return;
    for (const pid of pids) kill(pid);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  throw new ClusterError(`Processes of the cluster do not end although they were killed: ${(await find()).join(', ')}. They wait for the kernel, most likely for a disk; look at them with ps, then run the command again.`);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
