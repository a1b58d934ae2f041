import type { Clock } from '../../lib/clock.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { RESOURCES } from '../../lib/kube/resources.ts';
import { keyOf } from '../../lib/kube/store.ts';
import type { EndpointSlice, KubeObject, Pod, Service } from '../../lib/kube/types.ts';
import { watch } from '../../lib/kube/watch.ts';
import type { WatchLog, Watcher } from '../../lib/kube/watch.ts';
import type { Changes } from './live.ts';
import { hostIps } from './locate.ts';
import { SERVICE_NAME_LABEL, trimNamespace, trimNode, trimPod, trimService, trimSlice, ZONE_LABEL } from './trim.ts';
import { token, tracked } from './view.ts';
import type { ClusterView } from './view.ts';

/** The cluster as destination and policy see it: one set of watches, whatever the number of proxies. */
export interface Cluster extends Changes {
  /** null while everything has been listed; else what is missing and why */
  problem(): string | null;
  /** every service there is */
  services(): Iterable<Service>;
  stop(): Promise<void>;
}

export interface ClusterOptions {
  client: KubeClient;
  log: WatchLog;
  clock: Clock;
  random?: () => number;
}

export function startCluster({ client, log, clock, random = Math.random }: ClusterOptions): Cluster {
  const shared = { client, log, clock, random };
  const services = watch({ ...shared, resource: RESOURCES.services, trim: trimService, indexes: { ip: serviceIps } });
  const slices = watch({ ...shared, resource: RESOURCES.endpointslices, trim: trimSlice, indexes: { service: (slice) => [serviceOf(slice)] } });
  const pods = watch({ ...shared, resource: RESOURCES.pods, trim: trimPod, indexes: { ip: podIps } });
  const namespaces = watch({ ...shared, resource: RESOURCES.namespaces, trim: trimNamespace });
  const nodes = watch({ ...shared, resource: RESOURCES.nodes, trim: trimNode });
  const watchers = { services, endpointslices: slices, pods, namespaces, nodes };
  const listeners = new Set<(token: string) => void>();

  function announce<T extends KubeObject>(watcher: Watcher<T>, tokens: (object: T) => string[]): void {
    const tell = (...objects: T[]) => {
      for (const one of new Set(objects.flatMap(tokens))) for (const listener of listeners) listener(one);
    };
    watcher.on({
      added: (object) => tell(object),
      updated: (object, old) => void (alike(object, old) || tell(object, old)),
      deleted: (object) => tell(object),
    });
  }
  announce(services, (service) => [token.service(keyOf(service)), ...serviceIps(service).map(token.ip)]);
  announce(slices, (slice) => [token.slices(serviceOf(slice))]);
  announce(pods, (pod) => [token.pod(keyOf(pod)), ...podIps(pod).map(token.ip)]);
  announce(namespaces, (namespace) => [token.namespace(namespace.metadata.name)]);
  announce(nodes, (node) => [token.node(node.metadata.name)]);

  const view: ClusterView = {
    service: (key) => services.store.get(key),
    servicesByIp: (ip) => services.store.by('ip', ip),
    slices: (key) => slices.store.by('service', key),
    pod: (key) => pods.store.get(key),
    podsByIp: (ip) => pods.store.by('ip', ip),
    namespace: (name) => namespaces.store.get(name),
    zone: (node) => nodes.store.get(node)?.metadata.labels?.[ZONE_LABEL],
  };
  return {
    view,
    tracked: (note) => tracked(view, note),
    services: () => services.store.values(),
    synced: Promise.all(Object.values(watchers).map((watcher) => watcher.synced)).then(() => undefined),
    problem() {
      const missing = Object.entries(watchers).filter(([, watcher]) => !watcher.hasSynced());
      if (missing.length === 0) return null;
      return missing.map(([name, watcher]) => `${name} not listed yet${watcher.lastError() ? ` (${watcher.lastError()!.message})` : ''}`).join('; ');
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async stop() {
      listeners.clear();
      await Promise.all(Object.values(watchers).map((watcher) => watcher.stop()));
    },
  };
}

function serviceIps(service: Service): string[] {
  return (service.spec.clusterIPs ?? []).filter((ip) => ip !== '' && ip !== 'None');
}

function serviceOf(slice: EndpointSlice): string {
  return `${slice.metadata.namespace}/${slice.metadata.labels?.[SERVICE_NAME_LABEL] ?? ''}`;
}

/** Addresses under which a pod can be reached; none once it has ended, for its address then goes to another. */
function podIps(pod: Pod): string[] {
  const { phase, podIPs } = pod.status ?? {};
  if (phase === 'Succeeded' || phase === 'Failed') return [];
  return [...new Set([...(podIPs ?? []).map(({ ip }) => ip), ...hostIps(pod)])];
}

/** Alike in everything but the version: most updates of pods and nodes are of fields that trimming drops. */
function alike(a: KubeObject, b: KubeObject): boolean {
  return unversioned(a) === unversioned(b);
}

function unversioned(object: KubeObject): string {
  return JSON.stringify(object, (key, value: unknown) => (key === 'resourceVersion' ? undefined : value));
}
