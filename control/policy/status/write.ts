import type { Clock } from '../../../lib/clock.ts';
import type { KubeClient } from '../../../lib/kube/client.ts';
import type { BackendTrafficPolicy } from '../../../lib/kube/gateway-api.ts';
import { isNotFound } from '../../../lib/kube/error.ts';
import { RESOURCES } from '../../../lib/kube/resources.ts';
import type { Resource } from '../../../lib/kube/resources.ts';
import type { ObjectMeta } from '../../../lib/kube/types.ts';
import { routeToken } from '../../cluster/route-view.ts';
import type { PolicyView, Route, RouteKind } from '../../cluster/route-view.ts';
import type { Routes } from '../../cluster/routes.ts';
import type { Sources } from '../routes/context.ts';
import { routeReports } from './conditions.ts';
import { faultConditions } from './faults.ts';
import { ancestorsWith, parentsWith } from './parents.ts';
import { trafficPolicyReports } from './traffic-policies.ts';

/** Before the key of an HTTPFault; routes have their kind there. */
export const FAULT = routeToken.fault('');
export const TRAFFIC_POLICY = routeToken.trafficPolicy('');

const KINDS: ReadonlySet<string> = new Set<RouteKind>(['HTTPRoute', 'GRPCRoute', 'TLSRoute', 'TCPRoute']);
export const isRouteKind = (kind: string): kind is RouteKind => KINDS.has(kind);

/** By `HTTPRoute namespace/name`. */
export function findRoute(key: string, view: PolicyView): Route | undefined {
  const [kind = '', name = ''] = key.split(' ');
  return isRouteKind(kind) ? view.route(kind, name) : undefined;
}

/** By `XBackendTrafficPolicy namespace/name`. */
export function findTrafficPolicy(key: string, view: PolicyView): BackendTrafficPolicy | undefined {
  return key.startsWith(TRAFFIC_POLICY) ? view.trafficPolicy(key.slice(TRAFFIC_POLICY.length)) : undefined;
}

export interface WriterOptions {
  client: KubeClient;
  routes: Routes;
  sources: Sources;
  clock: Clock;
  signal: AbortSignal;
  onWrite: () => void;
}

/** Writes the status of a route or an HTTPFault (FAULT before its key) as it should be now, if it differs. Throws KubeError. */
export function statusWriter({ client, routes, sources, clock, signal, onWrite }: WriterOptions): (key: string) => Promise<void> {
  const now = () => new Date(clock.wall()).toISOString().replace(/\.\d+Z$/, 'Z');

  /** Of the version that was read: a conflict means that a newer one is on its way, and with it another turn. */
  async function patch(resource: Resource, { name, namespace, resourceVersion }: ObjectMeta, status: object): Promise<void> {
    try {
      await client.patch(resource, name, namespace, { type: 'merge', body: { metadata: { resourceVersion }, status } }, { subresource: 'status', signal });
      onWrite();
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  return async (key) => {
    if (key.startsWith(FAULT)) {
      const fault = sources.view.fault(key.slice(FAULT.length));
      const conditions = fault && faultConditions(fault, now());
      if (conditions) await patch(RESOURCES.httpfaults, fault.metadata, { conditions });
      return;
    }
    const policy = findTrafficPolicy(key, sources.view);
    if (policy) {
      const ancestors = ancestorsWith(policy.status?.ancestors ?? [], trafficPolicyReports(policy, sources.view), policy.metadata.generation ?? 0, now());
      if (ancestors) await patch(RESOURCES.xbackendtrafficpolicies, policy.metadata, { ancestors });
      return;
    }
    const route = findRoute(key, sources.view);
    const resource = route && routes.resource(route.kind);
    if (!route || !resource) return;
    const { metadata, status } = route.object;
    const parents = parentsWith(status?.parents ?? [], routeReports(route, sources), metadata.generation ?? 0, now());
    if (parents) await patch(resource, metadata, { parents });
  };
}
