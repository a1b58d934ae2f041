/** Memory with the sample application at work. */
import { setTimeout as sleep } from 'node:timers/promises';
import { awaitNothing, missing } from '../../../mesh/traffic.ts';
import { ROLES, settledMb } from '../processes.ts';
import { pidOf, type World } from '../world.ts';

const FIGURES_MS = 60_000;
/** What starting has left behind is collected by then. */
const REST_S = 10;

/** Anonymous memory of both processes. */
export async function memory(world: World, name: string, what: string, target: number): Promise<void> {
  const each = await Promise.all(ROLES.map((role) => settledMb(pidOf(role), REST_S)));
  world.figure({ case: name, what, value: each.reduce((sum, mb) => sum + mb, 0), unit: 'MB', target });
  ROLES.forEach((role, i) => world.figure({ case: name, what: `  of it mesh-${role}`, value: each[i]!, unit: 'MB', target: null }));
}

export async function sample(world: World): Promise<void> {
  await awaitNothing(() => missing(world.up.kube), FIGURES_MS, (ms) => sleep(ms), () => performance.now());
  await memory(world, 'sample', 'private memory, sample application meshed', 180);
}
