/** From the start of both processes until they say that they are ready. */
import { CONTROL_WORKLOAD, DEFAULT_CONTROL_NAMESPACE, IDENTITY_WORKLOAD } from '../../../../api/names.ts';
import { PORTS } from '../../../../api/ports.ts';
import { awaitRollouts } from '../../../mesh/sample.ts';
import { exec } from '../../../cluster/exec.ts';
import { BenchError, sleep } from '../../children.ts';
import { controlProcesses, ROLES, startedAt, type ControlProcess } from '../processes.ts';
import { CLUSTER, type World } from '../world.ts';

const LIMIT_MS = 60_000;
/** Asks every 20 ms, and says when it was answered. */
const POLL = `
const ask = () => fetch('http://127.0.0.1:${PORTS.controlAdmin}/ready').then((r) => r.ok, () => false);
while (!(await ask())) await new Promise((resolve) => setTimeout(resolve, 20));
console.log(Date.now());`;

async function readyAt(pid: number): Promise<number> {
  const { code, stdout } = await exec('nsenter', [`--net=/proc/${pid}/ns/net`, process.execPath, '--input-type=module', '-e', POLL]);
  if (code !== 0) throw new BenchError('a process of the control plane ended while it started; look at its log with: kubectl logs -n mesh-system --previous');
  return Number(stdout);
}

/** Ends what runs by `end`, waits for the processes that follow, and shows the seconds from the start of both to the readiness of both. */
export async function measureStart(world: World, name: string, end: (running: ControlProcess[]) => Promise<unknown>): Promise<void> {
  const before = controlProcesses(CLUSTER);
  await end(before);
  const known = new Map<number, Promise<number>>();
  const limit = performance.now() + LIMIT_MS;
  while (known.size < ROLES.length) {
    if (performance.now() > limit) throw new BenchError('the control plane did not start again within a minute');
    for (const { pid } of controlProcesses(CLUSTER)) if (!known.has(pid) && !before.some((one) => one.pid === pid)) known.set(pid, readyAt(pid));
    await sleep(20);
  }
  // One that ends later starts later.
  const last = Math.max(...Array.from(known.keys(), startedAt));
  const ready = Math.max(...await Promise.all(known.values()));
  world.figure({ case: name, what: 'from the start of both processes until both are ready', value: (ready - last) / 1000, unit: 's', target: 5 });
}

export async function start(world: World): Promise<void> {
  const { kube } = world.up;
  await measureStart(world, 'start', () => kube.must('delete the pods of the control plane', ['delete', 'pods', '--all', '--wait=false', '-n', DEFAULT_CONTROL_NAMESPACE]));
  await awaitRollouts(kube, [IDENTITY_WORKLOAD, CONTROL_WORKLOAD], DEFAULT_CONTROL_NAMESPACE);
}
