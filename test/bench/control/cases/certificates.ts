/** Many proxies start at once, each with a token of its own. */
import { forEach, tokenFor } from '../kube.ts';
import { cpuOf } from '../processes.ts';
import { ascending, quantile } from '../table.ts';
import type { Server } from '../client/protocol.ts';
import { identityOf, pidOf, serverOf, type World } from '../world.ts';

const AT_ONCE = 48;
const LIMIT_MS = 120_000;
const WARM_UP = 200;

export async function certificates(world: World): Promise<void> {
  const { api, run, proxies, options } = world;
  const accounts = world.simulated.length === 0 ? [{ namespace: 'bookshop', app: 'default' }] : world.simulated.flatMap((pods) => pods.slice(0, 1));
  const tokens: { identity: string; token: string }[] = [];
  await run.step(`Asking the API server for ${options.certificates + WARM_UP} tokens`, () => forEach(Array.from({ length: options.certificates + WARM_UP }, (_, i) => accounts[i % accounts.length]!), async ({ app, namespace }) => {
    tokens.push({ identity: identityOf(app, namespace), token: await tokenFor(api, app, namespace) });
  }));
  const server = await serverOf(world, 'identity');
  await proxies.ask({ do: 'certify', server, tokens: tokens.splice(0, WARM_UP), atOnce: AT_ONCE }, LIMIT_MS);
  const half = tokens.length >> 1;
  await measure(world, server, tokens.splice(0, half), false);
  await measure(world, server, tokens, true);
}

async function measure(world: World, server: Server, tokens: { identity: string; token: string }[], keep: boolean): Promise<void> {
  const { run, proxies } = world;
  const how = keep ? 'on connections that stay' : 'on a new connection each';
  const before = cpuOf([pidOf('identity')]);
  const { ms, failed, latencies } = await run.step(`Asking mesh-identity for ${tokens.length} certificates ${how}, ${AT_ONCE} at a time`, () => proxies.ask({ do: 'certify', keep, server, tokens, atOnce: AT_ONCE }, LIMIT_MS));
  for (const [why, times] of Object.entries(failed)) run.log(`  ${times} failed: ${why}`);
  const shown = (what: string, value: number, unit: string): void => world.figure({ case: 'certificates', what, value, unit, target: null });
  world.figure({ case: 'certificates', what: `certificates a second, ${how}`, value: (latencies.length * 1000) / ms, unit: '/s', target: 300, atLeast: true });
  shown('  CPU of mesh-identity for each', ((cpuOf([pidOf('identity')]) - before) * 1000) / latencies.length, 'ms');
  shown('  time of one, median', quantile(ascending(latencies), 0.5), 'ms');
  shown('  failed', Object.values(failed).reduce((sum, n) => sum + n, 0), '');
}
