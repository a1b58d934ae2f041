/** Many proxies watch one Service while its EndpointSlices change. */
import { setTimeout as sleep } from 'node:timers/promises';
import { anonymousMb } from '../../process-stats.ts';
import { createPod, tokenFor } from '../kube.ts';
import { NODES, nodeName } from '../objects.ts';
import { settledMb } from '../processes.ts';
import { CROWD, crowdPlace, makeCrowd, slicesOf, standStill, writeSlice } from '../simulate.ts';
import { ascending, quantile } from '../table.ts';
import { contextOf, identityOf, nameOf, pidOf, serverOf, type World } from '../world.ts';

const CHANGES = 10;
const REST_S = 8;
export const WATCHERS = 'watchers';
const SECOND = 'second';
const LEAVES = 16;
const OPEN_MS = 120_000;

/** Certificates for the proxies, as proxies get them. */
export async function ensureLeaves(world: World): Promise<void> {
  if (world.leaves.length > 0) return;
  const account = { name: 'default', namespace: 'bookshop' };
  const tokens = await Promise.all(Array.from({ length: LEAVES }, async () => ({ identity: identityOf(account.name, account.namespace), token: await tokenFor(world.api, account.name, account.namespace) })));
  world.leaves = (await world.proxies.ask({ do: 'certify', server: await serverOf(world, 'identity'), tokens, atOnce: 4 })).leaves;
}

/** The streams that watch the Service, opened once. */
export async function ensureWatchers(world: World): Promise<void> {
  if (world.crowd.length > 0) return;
  const { run, options, proxies } = world;
  await standStill(world);
  world.crowd = await run.step(`Writing a Service with ${options.rollout} endpoints`, () => makeCrowd(world));
  await ensureLeaves(world);
  const control = pidOf('control');
  const question = {
    do: 'watch', server: await serverOf(world, 'destination'), leaves: world.leaves, count: options.streams, method: 'get',
    targets: [nameOf(CROWD, CROWD)], context: Array.from({ length: NODES }, (_, i) => contextOf('bookshop', nodeName(i), 'web-1')),
  } as const;
  const before = await settledMb(control, REST_S);
  await run.step(`Opening ${options.streams} streams, each on a connection of its own`, () => proxies.ask({ ...question, group: WATCHERS }, OPEN_MS));
  const peak = anonymousMb(control);
  const alone = await settledMb(control, REST_S);
  await run.step('Opening another one on each', () => proxies.ask({ ...question, group: SECOND, on: WATCHERS }, OPEN_MS));
  const both = await settledMb(control, REST_S);
  await proxies.ask({ do: 'close', group: SECOND });
  const figure = (what: string, mb: number, target: number | null): void => world.figure({ case: 'streams', what, value: (mb * 1000) / options.streams, unit: 'KB', target });
  figure(`memory of a stream, two on each of ${options.streams} connections, connection included`, (both - before) / 2, 50);
  figure('  of the second one alone', both - alone, 50);
  figure('  of the first one with its connection', alone - before, null);
  figure('  right after they were opened', peak - before, null);
}

export async function streams(world: World): Promise<void> {
  await ensureWatchers(world);
  const { api, run, proxies, options } = world;
  const extra = crowdPlace(0, options.rollout, 2);
  await createPod(api, extra, world.pattern);
  const { name, pods } = slicesOf(world.crowd).at(-1)!;
  const firsts: number[] = [];
  const lasts: number[] = [];
  const all: number[] = [];
  await run.step(`Changing an EndpointSlice ${CHANGES} times`, async () => {
    for (let i = 0; i < CHANGES; i++) {
      const adds = i % 2 === 0;
      const marker = `${adds ? '+' : '-'}${extra.ip}`;
      await proxies.ask({ do: 'mark', group: WATCHERS, marker });
      const began = performance.timeOrigin + performance.now();
      await writeSlice(api, name, adds ? [...pods, extra] : pods);
      const { at } = await proxies.ask({ do: 'seen', group: WATCHERS, marker });
      const took = ascending(at.map((time) => time - began));
      firsts.push(took[0]!);
      lasts.push(took.at(-1)!);
      all.push(...took);
      await sleep(500);
    }
  });
  const figure = (what: string, value: number, target: number | null): void => world.figure({ case: 'streams', what, value, unit: 'ms', target });
  figure(`EndpointSlice change to the last of ${options.streams}, worst of ${CHANGES} changes`, Math.max(...lasts), 1000);
  figure('  median of the changes', quantile(ascending(lasts), 0.5), 1000);
  figure('  to the median stream', quantile(ascending(all), 0.5), null);
  figure('  to the first stream, median', quantile(ascending(firsts), 0.5), null);
}
