import { hasTrafficSettings } from '../../../api/annotations.ts';
import type { MeshConfig } from '../../../api/config.ts';
import type { Clock } from '../../../lib/clock.ts';
import type { KubeClient } from '../../../lib/kube/client.ts';
import { GATEWAY_GROUP, RESOURCES, apiVersionOf } from '../../../lib/kube/resources.ts';
import { keyOf } from '../../../lib/kube/store.ts';
import type { ObjectMeta } from '../../../lib/kube/types.ts';
import { workQueue } from '../../../lib/kube/work-queue.ts';
import type { Log } from '../../../lib/log.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { aborted, Live } from '../../cluster/live.ts';
import type { Changes } from '../../cluster/live.ts';
import type { PolicyView } from '../../cluster/route-view.ts';
import type { Routes } from '../../cluster/routes.ts';
import type { EventRecorder } from '../../events.ts';
import type { Settings } from '../settings/memory.ts';
import { routeReports } from './conditions.ts';
import { faultProblems } from './faults.ts';
import { serviceProblems } from './services.ts';
import { teller } from './tell.ts';
import type { Told } from './tell.ts';
import { trafficPolicyReports } from './traffic-policies.ts';
import { FAULT, findRoute, findTrafficPolicy, isRouteKind, statusWriter, TRAFFIC_POLICY } from './write.ts';

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

/** What there is to tell, and a text by which no change is recognised. */
interface Reported { text: string; messages: string[] }

/**
 * Keeps the status of routes and HTTPFaults up to date, and tells by events what of them and of services is refused, until the signal aborts. One
 * process does so at a time. Computed again only when something changed that it was computed from; written only when it differs from what is stored.
 */
export async function keepStatus(options: StatusOptions, signal: AbortSignal): Promise<void> {
  const { client, changes, cluster, routes, settings, config, clock, log, onWrite } = options;
  const sources = (view: PolicyView) => ({ view, config, settings });
  const onError = (key: string, err: unknown) => log.error({ err, key }, 'the status could not be computed');
  const told = teller(options.events);
  const write = statusWriter({ client, routes, sources: sources(changes.view), clock, signal, onWrite });
  const queue = workQueue({ work: write, clock, onError: (key, err, retryInMs) => log.warn({ key, reason: (err as Error).message, retryInMs }, 'the status could not be written, trying again') });

  const reports = new Live<Reported, PolicyView>({
    changes, onError,
    compute(key, view, previous) {
      const [route, policy] = [findRoute(key, view), findTrafficPolicy(key, view)];
      const found = route ? routeReports(route, sources(view)) : policy ? trafficPolicyReports(policy, view) : [];
      const verdicts = found.flatMap(({ conditions }) => conditions);
      const messages = verdicts.filter((one) => one.message !== '').map((one) => `${one.type} ${one.status}, ${one.reason}: ${one.message}`);
      // The version is part of it: somebody else may have written our entries.
      const text = JSON.stringify([verdicts, (route?.object ?? policy)?.metadata.resourceVersion]);
      return previous?.text === text ? previous : { text, messages: [...new Set(messages)] };
    },
  });
  const refusals = new Live<Reported, PolicyView>({
    changes, onError,
    compute(key, view, previous) {
      const service = view.service(key);
      const messages = service ? serviceProblems(service, sources(view)) : [];
      const text = JSON.stringify([service !== undefined, messages]);
      return previous?.text === text ? previous : { text, messages };
    },
  });

  async function followRoute(key: string): Promise<void> {
    for await (const { messages } of reports.follow(key, signal)) {
      const route = findRoute(key, changes.view);
      const policy = findTrafficPolicy(key, changes.view);
      if (policy) told.tell(naming(apiVersionOf(RESOURCES.xbackendtrafficpolicies), 'XBackendTrafficPolicy', policy.metadata), 'PolicyProblem', messages);
      else if (route) told.tell(naming(`${GATEWAY_GROUP}/v1`, route.kind, route.object.metadata), 'RouteProblem', messages);
      else {
        queue.forget(key);
        return told.forget(...(key.split(' ') as [string, string]));
      }
      queue.add(key);
    }
  }

  async function followService(key: string): Promise<void> {
    for await (const { messages } of refusals.follow(key, signal)) {
      const service = changes.view.service(key);
      if (!service) return told.forget('Service', key);
      told.tell(naming('v1', 'Service', service.metadata), 'TrafficSettingProblem', messages);
    }
  }

  /** A fault depends on nothing but itself. */
  function lookAtFault(token: string): void {
    const key = token.slice(FAULT.length);
    const fault = changes.view.fault(key);
    if (!fault) {
      queue.forget(token);
      return told.forget('HTTPFault', key);
    }
    told.tell(naming(apiVersionOf(RESOURCES.httpfaults), 'HTTPFault', fault.metadata), 'FaultProblem', faultProblems(fault));
    queue.add(token);
  }

  const following = new Map<string, Promise<void>>();
  function follow(key: string, work: () => Promise<void>): void {
    if (following.has(key) || signal.aborted) return;
    following.set(key, work().catch((err: unknown) => onError(key, err)).finally(() => following.delete(key)));
  }

  function look(token: string): void {
    const [kind = '', key = ''] = token.split(' ');
    if (token.startsWith(FAULT)) lookAtFault(token);
    else if (isRouteKind(kind) || token.startsWith(TRAFFIC_POLICY)) follow(token, () => followRoute(token));
    else if (kind === 'service' && hasTrafficSettings(changes.view.service(key)?.metadata)) follow(token, () => followService(key));
  }

  await Promise.race([changes.synced, aborted(signal)]);
  const unsubscribe = changes.onChange(look);
  for (const route of routes.all()) look(`${route.kind} ${keyOf(route.object)}`);
  for (const policy of routes.trafficPolicies()) look(TRAFFIC_POLICY + keyOf(policy));
  for (const fault of routes.faults()) look(FAULT + keyOf(fault));
  for (const service of cluster.services()) look(`service ${keyOf(service)}`);
  await aborted(signal);
  unsubscribe();
  await queue.stop();
  await Promise.all(following.values());
  reports.close();
  refusals.close();
}

function naming(apiVersion: string, kind: string, { name, namespace = '', uid }: ObjectMeta): Told {
  return { apiVersion, kind, name, namespace, ...(uid !== undefined && { uid }) };
}
