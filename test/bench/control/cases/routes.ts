/** From the edit of a route to the proxies. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { HttpRoute } from '../../../../lib/kube/gateway-api.ts';
import { RESOURCES } from '../../../../lib/kube/resources.ts';
import type { KubeObject, Service } from '../../../../lib/kube/types.ts';
import { exec } from '../../../cluster/exec.ts';
import { applyGatewayApi } from '../../../gateway-api/module.ts';
import { namespaceObject, serviceObject } from '../objects.ts';
import { ascending, quantile } from '../table.ts';
import { contextOf, serverOf, type World } from '../world.ts';
import { ensureLeaves } from './streams.ts';

const NAMESPACE = 'routes';
const SERVICE = 'shop';
const GROUP = 'routed';
const PROXIES = 100;
const EDITS = 30;
const PAUSE_MS = 250;
const SERVED_MS = 30_000;

/** The marker comes to proxies as the value of a header that the route sets. */
const route = (marker: string): HttpRoute => ({
  metadata: { name: SERVICE, namespace: NAMESPACE },
  spec: {
    parentRefs: [{ group: '', kind: 'Service', name: SERVICE, namespace: NAMESPACE }],
    rules: [{ filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'x-edit', value: marker }] } }], backendRefs: [{ name: SERVICE, port: 80 }] }],
  },
});

export async function routes(world: World): Promise<void> {
  const { api, run, proxies } = world;
  await run.step('Installing the Gateway API', () => applyGatewayApi(world.up.kube, exec, 'standard'));
  await api.apply(RESOURCES.namespaces, namespaceObject(NAMESPACE));
  const service = await api.apply(RESOURCES.services, serviceObject(SERVICE, NAMESPACE) as KubeObject as Service);
  await ensureLeaves(world);
  await proxies.ask({
    do: 'watch', group: GROUP, server: await serverOf(world, 'policy'), leaves: world.leaves, count: PROXIES, method: 'outbound',
    targets: [`${service.spec.clusterIPs![0]}:80`], context: [contextOf('bookshop', 'sim-node-000', 'web-1')],
  });
  const edit = async (marker: string, limitMs?: number): Promise<number[]> => {
    await proxies.ask({ do: 'mark', group: GROUP, marker });
    const began = performance.timeOrigin + performance.now();
    await api.apply(RESOURCES.httproutes, route(marker), { force: true });
    return (await proxies.ask({ do: 'seen', group: GROUP, marker }, limitMs)).at.map((at) => at - began);
  };
  // The first one waits until the control plane has found that there is a Gateway API.
  await run.step('Waiting for the first route', () => edit('edit-first-', SERVED_MS + 60_000));
  const took: number[] = [];
  await run.step(`Editing a route ${EDITS} times`, async () => {
    for (let i = 0; i < EDITS; i++) {
      took.push(...await edit(`edit-${i}-`));
      await sleep(PAUSE_MS);
    }
  });
  await proxies.ask({ do: 'close', group: GROUP });
  const sorted = ascending(took);
  const figure = (what: string, share: number, target: number | null): void => world.figure({ case: 'routes', what, value: quantile(sorted, share), unit: 'ms', target });
  figure(`edit of an HTTPRoute to ${PROXIES} proxies, median`, 0.5, 300);
  figure('  99th percentile', 0.99, 300);
  figure('  longest', 1, null);
}
