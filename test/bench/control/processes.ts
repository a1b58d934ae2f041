/** The control plane's processes in the pods of a local cluster, as this machine sees them. */
import { readFileSync } from 'node:fs';
import { clusterCgroup } from '../../cluster/local/layout.ts';
import { BenchError, sleep } from '../children.ts';
import { anonymousMb, cpuTimes, processesWith } from '../process-stats.ts';

const TICK_MS = 10;
const IN_IMAGE = '/app/control.mjs';

/** identity, or those that run together */
export type Role = 'identity' | 'control';
export interface ControlProcess { role: Role; pid: number }
export const ROLES: readonly Role[] = ['identity', 'control'];

/** Of the running pods; empty while there are none. */
export function controlProcesses(cluster: string): ControlProcess[] {
  return processesWith(IN_IMAGE).filter(({ pid }) => within(pid, cluster)).map(({ pid, command }) => ({ role: command.split(IN_IMAGE)[1]!.trim() === 'identity' ? 'identity' : 'control', pid }));
}

function within(pid: number, cluster: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, 'latin1').includes(clusterCgroup(cluster));
  } catch {
    return false;
  }
}

/** The one process of each role. Throws BenchError. */
export function processOf(cluster: string, role: Role): number {
  const found = controlProcesses(cluster).filter((one) => one.role === role);
  if (found.length !== 1) throw new BenchError(`${found.length} processes of mesh-${role} run, and one was expected. Look at the pods with: kubectl get pods -n mesh-system`);
  return found[0]!.pid;
}

/** A component of the local provider's node by its program's name. Throws BenchError. */
export function componentOf(cluster: string, program: string): number {
  const found = processesWith(`/${program} `).find(({ pid, command }) => command.split(' ')[0]!.endsWith(`/${program}`) && inNode(pid, cluster));
  if (found === undefined) throw new BenchError(`${program} of cluster ${cluster} was not found among the processes of this machine`);
  return found.pid;
}

/** Components are not in the cgroup of the pods; their node's first process is an ancestor. */
function inNode(pid: number, cluster: string): boolean {
  for (let at = pid; at > 1; at = parentOf(at)) {
    if (readFileSync(`/proc/${at}/cmdline`, 'latin1').includes(`/${cluster}/nodes/`)) return true;
  }
  return false;
}

function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

/** Milliseconds since the epoch, to 10 ms. */
export function startedAt(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const ticks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  const uptimeMs = Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]) * 1000;
  return Date.now() - uptimeMs + ticks * TICK_MS;
}

/** CPU seconds of all of them. */
export const cpuOf = (pids: number[]): number => pids.reduce((sum, pid) => sum + cpuTimes(pid).user + cpuTimes(pid).kernel, 0);

/** Anonymous memory of a process, MB, once it has come to rest: the lowest of the looks. */
export async function settledMb(pid: number, seconds: number): Promise<number> {
  let least = Infinity;
  for (let i = 0; i < seconds * 2; i++) {
    await sleep(500);
    least = Math.min(least, anonymousMb(pid));
  }
  return least;
}
