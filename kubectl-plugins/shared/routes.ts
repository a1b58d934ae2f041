import { ROUTE_CONTROLLER } from '../../api/names.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import type { RouteOf } from '../../lib/kube/gateway-api.ts';
import type { Resource } from '../../lib/kube/resources.ts';
import { CliError } from './errors.ts';
import type { Io } from './io.ts';
import { nameOf } from './kinds.ts';
import { poll } from './poll.ts';

const ACCEPT_TIMEOUT_MS = 20_000;

/** Waits until the mesh has judged the current generation of a route. Throws CliError with the mesh's own words when it refuses it, or says nothing. */
export async function awaitAccepted<T extends RouteOf<unknown>>(io: Io, kube: KubeClient, resource: Resource<T>, namespace: string, name: string): Promise<void> {
  const what = nameOf({ kind: resource.kind, metadata: { name, namespace } });
  const judged = await poll(io, { timeoutMs: ACCEPT_TIMEOUT_MS, intervalMs: 250 }, async () => {
    const route = await kube.get(resource, name, namespace);
    const conditions = (route.status?.parents ?? []).filter((p) => p.controllerName === ROUTE_CONTROLLER).flatMap((p) => p.conditions ?? []);
    const current = conditions.filter((c) => c.observedGeneration === route.metadata.generation);
    return current.length > 0 ? current : undefined;
  });
  if (judged === undefined) throw new CliError(`${what} is stored, but the mesh has not said within ${ACCEPT_TIMEOUT_MS / 1000} s whether it takes it. See that the control plane runs: kubectl mesh check`);
  const refused = judged.filter((c) => c.status === 'False');
  if (refused.length > 0) throw new CliError(`${what} is stored, but the mesh does not take it: ${refused.map((c) => `${c.type}: ${c.message || c.reason}`).join('; ')}`);
}
