/** What the cluster says about one canary, and how a wish comes true in it. */
import { CANARY, type Canary } from '../../api/crds/canary.ts';
import { METRICS_GROUP, METRICS_VERSION, type TrafficMetrics } from '../../api/metrics-api.ts';
import { ROUTE_CONTROLLER } from '../../api/names.ts';
import { parseDuration } from '../../lib/duration.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { isNotFound } from '../../lib/kube/error.ts';
import type { HttpRoute } from '../../lib/kube/gateway-api.ts';
import { RESOURCES, type Resource } from '../../lib/kube/resources.ts';
import type { KubeObject, Service, Workload } from '../../lib/kube/types.ts';
import type { Figures } from './judge.ts';
import { canaryDeployment, canaryName, canaryRoute, canaryService, ownerOf, withImages } from './objects.ts';
import type { Observed, Wish } from './plan.ts';

const FIELD_MANAGER = 'kubectl-mesh-canary';
/** The least window that the metrics API takes. */
const MIN_WINDOW_SECONDS = 10;

async function find<T extends KubeObject>(kube: KubeClient, resource: Resource<T>, namespace: string, name: string): Promise<T | undefined> {
  try {
    return await kube.get(resource, name, namespace);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

function isOwn(canary: Canary, object: KubeObject): boolean {
  return object.metadata.ownerReferences?.some((o) => o.kind === CANARY.kind && o.uid === canary.metadata.uid) ?? false;
}

/** Why the canary cannot be, as far as other objects are concerned. */
async function obstacle(kube: KubeClient, canary: Canary, target: Workload | undefined, service: Service | undefined): Promise<string | null> {
  const { namespace } = canary.metadata;
  const { spec } = canary;
  if (service === undefined) return `there is no Service ${spec.service.name}`;
  if (!service.spec.ports?.some((p) => p.port === spec.service.port)) return `Service ${spec.service.name} has no port ${spec.service.port}`;
  if (Object.keys(service.spec.selector ?? {}).length === 0) return `Service ${spec.service.name} selects no pods`;
  const missing = target && spec.images.find((i) => !target.spec.template.spec.containers.some((c) => c.name === i.container));
  if (missing) return `deploy/${spec.target.name} has no container ${missing.container}`;
  const pods = target?.spec.template.metadata?.labels ?? {};
  if (target && !Object.entries(service.spec.selector!).every(([key, value]) => pods[key] === value)) return `Service ${spec.service.name} does not select the pods of deploy/${spec.target.name}`;
  const routes = await kube.list(RESOURCES.httproutes, { namespace });
  const other = routes.find((r) => !isOwn(canary, r) && r.spec.parentRefs?.some((p) => p.group === '' && p.kind === 'Service' && p.name === spec.service.name && (p.port === undefined || p.port === spec.service.port)));
  if (other) return `HTTPRoute ${other.metadata.name} already says where the traffic of Service ${spec.service.name} goes; end that first`;
  for (const [resource, name] of [[RESOURCES.deployments, spec.target.name], [RESOURCES.services, spec.service.name], [RESOURCES.httproutes, spec.service.name]] as const) {
    const there = await find(kube, resource as Resource, namespace!, canaryName(name));
    if (there !== undefined && !isOwn(canary, there)) return `there is a ${resource.kind} ${canaryName(name)} already, which belongs to somebody else`;
  }
  return null;
}

async function figures(kube: KubeClient, canary: Canary): Promise<Figures | null> {
  const seconds = Math.max(MIN_WINDOW_SECONDS, (parseDuration(canary.spec.interval) ?? 0) / 1000);
  const name = canaryName(canary.spec.service.name);
  try {
    const { items } = await kube.json<{ items: TrafficMetrics[] }>({
      path: `/apis/${METRICS_GROUP}/${METRICS_VERSION}/namespaces/${canary.metadata.namespace!}/trafficmetrics`, query: { kind: 'service', name, window: `${seconds}s` }, what: 'get trafficmetrics',
    });
    const [one] = items;
    const rps = one?.requestsPerSecond ?? 0;
    const rate = one?.successRate ?? null;
    return { requestsPerSecond: rps, requests: rps * (one?.windowSeconds ?? 0), successRate: rate === null ? null : rate * 100, latencyP99Ms: one?.latencyMs.p99 ?? null };
  } catch {
    // Without figures nothing is decided, and the status says so.
    return null;
  }
}

function accepted(route: HttpRoute | undefined): boolean | string {
  const conditions = (route?.status?.parents ?? []).filter((p) => p.controllerName === ROUTE_CONTROLLER).flatMap((p) => p.conditions ?? []);
  const current = conditions.filter((c) => c.observedGeneration === route?.metadata.generation);
  const refused = current.find((c) => c.status === 'False');
  return refused ? (refused.message ?? refused.reason ?? refused.type) : current.length > 0;
}

export interface World extends Observed {
  service: Service | undefined;
  routeObject: HttpRoute | undefined;
}

export async function observe(kube: KubeClient, canary: Canary): Promise<World> {
  const { namespace = '' } = canary.metadata;
  const { target: { name }, service: { name: serviceName } } = canary.spec;
  const [target, service, fresh, route] = await Promise.all([
    find(kube, RESOURCES.deployments, namespace, name), find(kube, RESOURCES.services, namespace, serviceName),
    find(kube, RESOURCES.deployments, namespace, canaryName(name)), find(kube, RESOURCES.httproutes, namespace, canaryName(serviceName)),
  ]);
  const own = <T extends KubeObject>(o: T | undefined): T | undefined => (o !== undefined && isOwn(canary, o) ? o : undefined);
  return {
    target, service, fresh: own(fresh), routeObject: own(route), route: accepted(own(route)),
    obstacle: await obstacle(kube, canary, target, service), figures: await figures(kube, canary),
  };
}

/** Brings about what is wished for, one careful step at a time. */
export async function fulfil(kube: KubeClient, canary: Canary, world: World, wish: Wish): Promise<void> {
  if (wish.kind === 'nothing') {
    await clear(kube, canary, world);
    return;
  }
  const { target, service } = world;
  if (target === undefined || service === undefined) return;
  const apply = { force: true, fieldManager: FIELD_MANAGER };
  if (wish.kind === 'promote') {
    const containers = withImages(canary, target).containers.map(({ name, image }) => ({ name, image }));
    await kube.patch(RESOURCES.deployments, target.metadata.name, canary.metadata.namespace, { type: 'strategic', body: { spec: { template: { spec: { containers } } } } }, { fieldManager: FIELD_MANAGER });
    return;
  }
  // Made once: what the target's owner changes meanwhile is not on trial.
  if (world.fresh === undefined) {
    await kube.apply(RESOURCES.services, canaryService(canary, target, service), apply);
    await kube.apply(RESOURCES.deployments, canaryDeployment(canary, target, service), apply);
  }
  await kube.apply(RESOURCES.httproutes, canaryRoute(canary, wish.weight), apply);
}

/** First the traffic goes, then, at the next turn, what served it. */
async function clear(kube: KubeClient, canary: Canary, world: World): Promise<void> {
  const { namespace = '' } = canary.metadata;
  const { uid } = ownerOf(canary);
  const remove = async (resource: Resource, object: KubeObject | undefined): Promise<void> => {
    if (object === undefined) return;
    try {
      await kube.delete(resource, object.metadata.name, namespace, { propagationPolicy: 'Background', uid: object.metadata.uid! });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  };
  if (world.routeObject !== undefined) {
    await remove(RESOURCES.httproutes, world.routeObject);
    return;
  }
  await remove(RESOURCES.deployments, world.fresh);
  const service = await find(kube, RESOURCES.services, namespace, canaryName(canary.spec.service.name));
  if (service?.metadata.ownerReferences?.some((o) => o.uid === uid)) await remove(RESOURCES.services, service);
}
