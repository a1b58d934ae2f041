import type { Clock } from '../../../lib/clock.ts';
import type { KubeClient } from '../../../lib/kube/client.ts';
import { hasTrafficSettings } from '../../../api/annotations.ts';
import { isNotFound } from '../../../lib/kube/error.ts';
import { apiVersionOf, RESOURCES } from '../../../lib/kube/resources.ts';
import type { Resource } from '../../../lib/kube/resources.ts';
import { keyOf } from '../../../lib/kube/store.ts';
import type { ObjectMeta } from '../../../lib/kube/types.ts';
import { workQueue } from '../../../lib/kube/work-queue.ts';
import type { Log } from '../../../lib/log.ts';
import type { EventRecorder } from '../../identity/events.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { Live } from '../../cluster/live.ts';
import type { Changes } from '../../cluster/live.ts';
import { routeToken } from '../../cluster/route-view.ts';
import type { PolicyView, Route, RouteKind } from '../../cluster/route-view.ts';
import type { Routes } from '../../cluster/routes.ts';
import type { MeshConfig } from '../../../api/config.ts';
import type { Settings } from '../settings/memory.ts';
import { routeReports } from './conditions.ts';
import { faultConditions, faultProblems } from './faults.ts';
import type { ParentReport } from './conditions.ts';
import { parentsWith } from './parents.ts';
import { serviceProblems } from './services.ts';

export interface StatusOptions {
  client: KubeClient;
  changes: Changes<PolicyView>;
  cluster: Cluster;
  routes: Routes;
  settings: Settings;
  config: MeshConfig;
  events: EventRecorder;
  clock: Clock;
  log: Log;
  onWrite: () => void;
}

interface Reported { text: string; reports: ParentReport[] }

/**
 * Keeps the status of routes up to date, and tells by events what of routes and services is refused, until the signal aborts. One process does so
 * at a time. Computed again only when something changed that it was computed from; written only when it differs from what is stored.
 */
export async function keepStatus(options: StatusOptions, signal: AbortSignal): Promise<void> {
  const { client, changes, cluster, routes, settings, config, events, clock, log, onWrite } = options;
  const sources = (view: PolicyView) => ({ view, config, settings });
  const onError = (key: string, err: unknown) => log.error({ err, key }, 'the status could not be computed');
  const told = new Map<string, Set<string>>();

  const reports = new Live<Reported, PolicyView>({
    changes, onError,
    compute(key, view, previous) {
      const route = find(key, view);
      const made = route ? routeReports(route, sources(view)) : [];
      // The version is part of it: somebody else may have written our entries.
      const text = JSON.stringify([made, route?.object.metadata.resourceVersion]);
      return previous?.text === text ? previous : { text, reports: made };
    },
  });
  const refusals = new Live<string[], PolicyView>({
    changes, onError,
    compute(key, view, previous) {
      const service = view.service(key);
      const now = service ? serviceProblems(service, sources(view)) : [];
      return previous !== undefined && JSON.stringify(previous) === JSON.stringify(now) ? previous : now;
    },
  });

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

  async function write(key: string): Promise<void> {
    if (key.startsWith(FAULT)) {
      const fault = changes.view.fault(key.slice(FAULT.length));
      const conditions = fault && faultConditions(fault, now());
      if (conditions) await patch(RESOURCES.httpfaults, fault.metadata, { conditions });
      return;
    }
    const route = find(key, changes.view);
    const resource = route && routes.resource(route.kind);
    if (!route || !resource) return;
    const { metadata, status } = route.object;
    const parents = parentsWith(status?.parents ?? [], routeReports(route, sources(changes.view)), metadata.generation ?? 0, now());
    if (parents) await patch(resource, metadata, { parents });
  }

  const queue = workQueue({ work: write, clock, onError: (key, err, retryInMs) => log.warn({ key, reason: (err as Error).message, retryInMs }, 'the status could not be written, trying again') });

  /** Events for what was not said before; what is gone and comes back is said again. */
  function tell(object: { apiVersion: string; kind: string; name: string; namespace: string; uid?: string }, reason: string, messages: string[]): void {
    const key = `${object.kind} ${object.namespace}/${object.name}`;
    const before = told.get(key);
    for (const message of messages) if (!before?.has(message)) events.record(object, 'Warning', reason, message);
    if (messages.length > 0) told.set(key, new Set(messages));
    else told.delete(key);
  }

  const following = new Map<string, Promise<void>>();
  function follow(key: string, work: () => Promise<void>): void {
    if (following.has(key) || signal.aborted) return;
    following.set(key, work().catch((err: unknown) => onError(key, err)).finally(() => following.delete(key)));
  }

  async function followRoute(key: string): Promise<void> {
    const gone = new AbortController();
    for await (const { reports: made } of reports.follow(key, AbortSignal.any([signal, gone.signal]))) {
      const route = find(key, changes.view);
      if (!route) {
        queue.forget(key);
        told.delete(key);
        gone.abort();
        break;
      }
      const { name, namespace = '', uid } = route.object.metadata;
      const messages = made.flatMap(({ conditions }) => conditions.filter((one) => one.message !== '').map((one) => `${one.type} ${one.status}, ${one.reason}: ${one.message}`));
      tell({ apiVersion: 'gateway.networking.k8s.io/v1', kind: route.kind, name, namespace, ...(uid && { uid }) }, 'RouteProblem', [...new Set(messages)]);
      queue.add(key);
    }
  }

  async function followService(key: string): Promise<void> {
    for await (const messages of refusals.follow(key, signal)) {
      const service = changes.view.service(key);
      if (!service) {
        told.delete(`Service ${key}`);
        break;
      }
      const { name, namespace = '', uid } = service.metadata;
      tell({ apiVersion: 'v1', kind: 'Service', name, namespace, ...(uid && { uid }) }, 'TrafficSettingProblem', messages);
    }
  }

  function lookAtFault(token: string): void {
    const fault = changes.view.fault(token.slice(FAULT.length));
    if (!fault) {
      queue.forget(token);
      told.delete(`HTTPFault ${token.slice(FAULT.length)}`);
      return;
    }
    const { name, namespace = '', uid } = fault.metadata;
    tell({ apiVersion: apiVersionOf(RESOURCES.httpfaults), kind: 'HTTPFault', name, namespace, ...(uid && { uid }) }, 'FaultProblem', faultProblems(fault));
    queue.add(token);
  }

  function look(token: string): void {
    if (token.startsWith(FAULT)) return lookAtFault(token);
    const [kind = '', key = ''] = token.split(' ');
    if (isRouteKind(kind)) follow(token, () => followRoute(token));
    else if (kind === 'service' && hasTrafficSettings(changes.view.service(key)?.metadata)) follow(token, () => followService(key));
  }

  await Promise.race([changes.synced, aborted(signal)]);
  const unsubscribe = changes.onChange(look);
  for (const route of routes.all()) look(`${route.kind} ${keyOf(route.object)}`);
  for (const fault of routes.faults()) look(FAULT + keyOf(fault));
  for (const service of cluster.services()) look(`service ${keyOf(service)}`);
  await aborted(signal);
  unsubscribe();
  await queue.stop();
  await Promise.all(following.values());
  reports.close();
  refusals.close();
}

/** Before the key of an HTTPFault, in tokens and in the queue. */
const FAULT = routeToken.fault('');
const KINDS: ReadonlySet<string> = new Set<RouteKind>(['HTTPRoute', 'GRPCRoute', 'TLSRoute', 'TCPRoute']);
const isRouteKind = (kind: string): kind is RouteKind => KINDS.has(kind);

/** By `HTTPRoute namespace/name`. */
function find(key: string, view: PolicyView): Route | undefined {
  const [kind = '', name = ''] = key.split(' ');
  return isRouteKind(kind) ? view.route(kind, name) : undefined;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
