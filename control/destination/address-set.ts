import type { MeshConfig } from '../../api/config.ts';
import type { EndpointSlice, SliceEndpoint } from '../../lib/kube/types.ts';
import { servicePort } from '../../lib/mesh/service-port.ts';
import type { ClusterView } from '../cluster/view.ts';
import { makeEndpoint } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';
import type { Target } from '../cluster/target.ts';
import { locatePod } from '../cluster/locate.ts';

/** All that serves a target, before the caller's place is taken into account. Never changed once made. */
export interface AddressSet {
  /** false = no such service (the client may look elsewhere) */
  exists: boolean;
  /** by ip:port, ready ones only */
  endpoints: Map<string, Endpoint>;
  /** internalTrafficPolicy: Local */
  localOnly: boolean;
  /** service and namespace */
  labels: Record<string, string>;
}

/** Computes the set of a target; returns `previous`, or its endpoints, where nothing changed, so that comparing is comparing references. */
export function addressSet(target: Target, view: ClusterView, config: MeshConfig, previous: AddressSet | undefined): AddressSet {
  const found = target.kind === 'ip' ? setOfAddress(target.ip, target.port, view, config) : setOfService(target, view, config);
  return reuse(found, previous);
}

function setOfAddress(ip: string, port: number, view: ClusterView, config: MeshConfig): AddressSet {
  const [service] = view.servicesByIp(ip);
  if (service) {
    const { name, namespace = '' } = service.metadata;
    return setOfService({ name, namespace, hostname: undefined, port }, view, config);
  }
  const located = locatePod(view.podsByIp(ip), ip, port);
  if (!located) return { exists: false, endpoints: new Map(), localOnly: false, labels: {} };
  const endpoint = makeEndpoint(located.ip, located.port, located.pod, {}, view, config);
  return { exists: true, endpoints: new Map([[`${ip}:${port}`, endpoint]]), localOnly: false, labels: { namespace: located.pod.metadata.namespace ?? '' } };
}

type ServiceTarget = { name: string; namespace: string; hostname: string | undefined; port: number };

function setOfService({ name, namespace, hostname, port }: ServiceTarget, view: ClusterView, config: MeshConfig): AddressSet {
  const key = `${namespace}/${name}`;
  const service = view.service(key);
  const labels = { service: name, namespace };
  if (!service || service.spec.type === 'ExternalName') return { exists: false, endpoints: new Map(), localOnly: false, labels };
  const declared = servicePort(service, port);
  const candidates: { endpoint: SliceEndpoint; port: number }[] = [];
  for (const slice of oneFamily(view.slices(key))) {
    // A port that the service does not declare is dialled as it is: headless services are used that way.
    const number = declared ? slice.ports?.find((p) => (p.name ?? '') === (declared.name ?? ''))?.port : port;
    if (number === undefined || number === null) continue;
    for (const endpoint of slice.endpoints ?? []) {
      if (hostname === undefined || endpoint.hostname === hostname) candidates.push({ endpoint, port: number });
    }
  }
  const ready = candidates.filter(({ endpoint }) => endpoint.conditions?.ready ?? true);
  const serving = ready.length > 0 ? ready : candidates.filter(({ endpoint }) => endpoint.conditions?.serving && endpoint.conditions.terminating);
  const endpoints = new Map<string, Endpoint>();
  for (const { endpoint, port: number } of serving) {
    const ref = endpoint.targetRef?.kind === 'Pod' ? endpoint.targetRef : undefined;
    const pod = ref && view.pod(`${ref.namespace ?? namespace}/${ref.name}`);
    // The slice came before its pod: to announce it now would be to announce it without its identity.
    if (ref && !pod) continue;
    for (const ip of endpoint.addresses.slice(0, 1)) endpoints.set(`${ip}:${number}`, makeEndpoint(ip, number, pod, endpoint, view, config));
  }
  return { exists: true, endpoints, localOnly: service.spec.internalTrafficPolicy === 'Local', labels };
}

/** Slices of one address family: a dual-stack pod stands in both, and is one endpoint. */
function oneFamily(slices: EndpointSlice[]): EndpointSlice[] {
  const v4 = slices.filter((slice) => slice.addressType === 'IPv4');
  return v4.length > 0 ? v4 : slices.filter((slice) => slice.addressType === 'IPv6');
}

function reuse(found: AddressSet, previous: AddressSet | undefined): AddressSet {
  if (!previous) return found;
  let same = found.exists === previous.exists && found.localOnly === previous.localOnly && found.endpoints.size === previous.endpoints.size;
  for (const [key, endpoint] of found.endpoints) {
    const old = previous.endpoints.get(key);
    if (old?.signature === endpoint.signature) found.endpoints.set(key, old);
    else same = false;
  }
  return same ? previous : found;
}
