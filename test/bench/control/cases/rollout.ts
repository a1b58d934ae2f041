/** A rolling update of a Service that every proxy watches. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createPod, deletePod } from '../kube.ts';
import { SLICE_SIZE } from '../objects.ts';
import { cpuOf } from '../processes.ts';
import { crowdPlace, slicesOf, writeSlice } from '../simulate.ts';
import { pidOf, pids, until, type World } from '../world.ts';
import { ensureWatchers, WATCHERS } from './streams.ts';

const SETTLE_MS = 60_000;

export async function rollout(world: World): Promise<void> {
  await ensureWatchers(world);
  const { run, proxies, options } = world;
  const now = [...world.crowd];
  const look = (): Promise<{ alike: number; messages: number; bytes: number }> => proxies.ask({ do: 'look', group: WATCHERS, addresses: now.map(({ ip }) => ip) });
  const before = await look();
  if (before.alike !== options.streams) run.log(`  only ${before.alike} streams know the endpoints before the rollout`);
  const cpu = cpuOf(pids());
  const control = cpuOf([pidOf('control')]);
  const began = performance.now();
  let done = 0;
  await run.step(`Replacing ${options.rollout} endpoints, ${options.pace} a second`, async () => {
    const progress = setInterval(() => run.log(`  ${done} replaced`), 10_000);
    try {
      await replaceAll(world, now, () => { done++; });
    } finally {
      clearInterval(progress);
    }
  });
  const took = (performance.now() - began) / 1000;
  await until(async () => {
    const { alike } = await look();
    return alike === options.streams ? '' : `${options.streams - alike} of ${options.streams} streams do not know the endpoints after the rollout`;
  }, SETTLE_MS, 250);
  const after = await look();
  world.crowd = now;
  const figure = (what: string, value: number, unit: string, target: number | null): void => world.figure({ case: 'rollout', what, value, unit, target });
  figure(`CPU of the control plane to replace ${options.rollout} endpoints before ${options.streams} streams`, cpuOf(pids()) - cpu, 's', 20);
  figure('  of it mesh-control', cpuOf([pidOf('control')]) - control, 's', null);
  figure('  time it took', took, 's', null);
  figure('  messages a stream', (after.messages - before.messages) / options.streams, '', null);
  figure('  bytes a stream', (after.bytes - before.bytes) / options.streams / 1000, 'KB', null);
}

/** One after the other: the new pod is ready and in its slice before the old one is out of it, then the old pod goes. */
async function replaceAll({ api, pattern, options }: World, now: World['crowd'], onOne: () => void): Promise<void> {
  const began = performance.now();
  const deletions: Promise<unknown>[] = [];
  for (let i = 0; i < options.rollout; i++) {
    const old = now[i]!;
    const place = crowdPlace(i, options.rollout, 1);
    await createPod(api, place, pattern);
    now[i] = place;
    const { name, pods } = slicesOf(now)[Math.floor(i / SLICE_SIZE)]!;
    await writeSlice(api, name, pods);
    deletions.push(deletePod(api, old));
    onOne();
    const due = began + ((i + 1) * 1000) / options.pace;
    if (due > performance.now()) await sleep(due - performance.now());
  }
  await Promise.all(deletions);
}
