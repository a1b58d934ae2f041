import { isIPv6 } from 'node:net';
import type { MeshConfig } from '../../api/config.ts';
import type { EndpointSlice, Pod, Service, SliceEndpoint } from '../../lib/kube/types.ts';
import { servicePort } from '../../lib/mesh/service-port.ts';
import { isHeadless } from '../cluster/mesh.ts';
import type { ClusterView } from '../cluster/view.ts';
import { makeEndpoint } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';
import { FAMILIES } from '../cluster/target.ts';
import type { Target } from '../cluster/target.ts';
import { locatePod, ownsAddress } from '../cluster/locate.ts';
import type { Located } from '../cluster/locate.ts';

/** All that serves a target, before the caller's place is taken into account. Never changed once made. */
export interface AddressSet {
  /** false = no such service (the client may look elsewhere) */
  exists: boolean;
  /** by ip:port; those that are ready, and for localOnly, or where none is ready, those that end and still serve */
  endpoints: Map<string, Endpoint>;
  /** keys of the latter */
  draining: ReadonlySet<string>;
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
    return setOfService({ name, namespace, hostname: undefined, port, family: isIPv6(ip) ? 'IPv6' : 'IPv4' }, view, config);
  }
  const located = locatePod(view.podsByIp(ip), ip, port);
  if (!located) return { exists: false, endpoints: new Map(), draining: NONE, localOnly: false, labels: {} };
  const endpoint = makeEndpoint(located.ip, located.port, located.pod, {}, view, config);
  return { exists: true, endpoints: new Map([[`${ip}:${port}`, endpoint]]), draining: NONE, localOnly: false, labels: { namespace: located.pod.metadata.namespace ?? '' } };
}

const NONE: Set<string> = new Set();

type ServiceTarget = Omit<Target & { kind: 'service' }, 'kind'>;

function setOfService(target: ServiceTarget, view: ClusterView, config: MeshConfig): AddressSet {
  const { name, namespace } = target;
  const key = `${namespace}/${name}`;
  const service = view.service(key);
  const labels = { service: name, namespace };
  if (!service || service.spec.type === 'ExternalName') return { exists: false, endpoints: new Map(), draining: NONE, localOnly: false, labels };
  // Nothing that belongs to a cluster IP holds for a headless service: its clients choose an address by themselves.
  const localOnly = service.spec.internalTrafficPolicy === 'Local' && !isHeadless(service);
  const found = candidates(target, service, view.slices(key));
  const ready = found.filter(({ draining }) => !draining);
  // Which of a node's endpoints are left may differ from what is left of all: the choice is made where the client's node is known.
  const ending = ready.length === 0 || localOnly ? found.filter((one) => one.draining) : [];
  const endpoints = new Map<string, Endpoint>();
  const draining = ending.length > 0 ? new Set<string>() : NONE;
  for (const candidate of [...ready, ...ending]) {
    const at = locate(candidate, namespace, view);
    if (!at) continue;
    const id = `${at.ip}:${at.port}`;
    if (endpoints.has(id)) continue;
    endpoints.set(id, makeEndpoint(at.ip, at.port, at.pod, candidate.endpoint, view, config));
    if (candidate.draining) draining.add(id);
  }
  return { exists: true, endpoints, draining, localOnly, labels };
}

interface Candidate { endpoint: SliceEndpoint; ip: string; port: number; draining: boolean }

/** What the slices of one address family say that serves: a dual-stack pod stands in those of both, and is one endpoint. */
function candidates({ hostname, port, family }: ServiceTarget, service: Service, slices: EndpointSlice[]): Candidate[] {
  const declared = servicePort(service, port);
  const primary = family ?? (service.spec.ipFamilies?.[0] === 'IPv6' ? 'IPv6' : 'IPv4');
  for (const wanted of primary === 'IPv4' ? FAMILIES : FAMILIES.toReversed()) {
    const found: Candidate[] = [];
    for (const slice of slices) {
      if (slice.addressType !== wanted) continue;
      // A port that the service does not declare is dialled as it is: headless services are used that way.
      const number = declared ? slice.ports?.find((p) => (p.name ?? '') === (declared.name ?? '') && (p.protocol ?? 'TCP') === 'TCP')?.port : port;
      if (number === undefined || number === null) continue;
      for (const endpoint of slice.endpoints ?? []) {
        // The others of an entry are the same endpoint once more, and may be left alone (EndpointSlice v1, `addresses`).
        const [ip] = endpoint.addresses;
        const { ready, serving, terminating } = endpoint.conditions ?? {};
        const draining = ready === false;
        if (ip === undefined || (draining && !(serving && terminating))) continue;
        if (hostname === undefined || hostname === (endpoint.hostname ?? ip.replaceAll(/[.:]/g, '-'))) found.push({ endpoint, ip, port: number, draining });
      }
    }
    if (found.length > 0) return found;
  }
  return [];
}

/** Where a candidate listens, and the pod behind it if it is one; undefined for one that is not to be announced. */
function locate({ endpoint: { targetRef }, ip, port }: Candidate, namespace: string, view: ClusterView): { pod: Pod | undefined; ip: string; port: number } | undefined {
  const owner = (): Located | undefined => locatePod(view.podsByIp(ip), ip, port);
  // Slices that people write name no pods, and lead to pods all the same.
  if (targetRef?.kind !== 'Pod') return owner() ?? { pod: undefined, ip, port };
  const pod = view.pod(`${targetRef.namespace ?? namespace}/${targetRef.name}`);
  // The slice came before its pod: to announce it now would be to announce it without its identity.
  if (!pod) return undefined;
  // A pod came again under its name, and its former address is another's already; a pod may have addresses that its status does not know, too.
  return ownsAddress(pod, ip) || !owner() ? { pod, ip, port } : undefined;
}

function reuse(found: AddressSet, previous: AddressSet | undefined): AddressSet {
  if (!previous) return found;
  let same = found.exists === previous.exists && found.localOnly === previous.localOnly && found.endpoints.size === previous.endpoints.size
    && found.draining.size === previous.draining.size && [...found.draining].every((key) => previous.draining.has(key));
  for (const [key, endpoint] of found.endpoints) {
    const old = previous.endpoints.get(key);
    if (old?.signature === endpoint.signature) found.endpoints.set(key, old);
    else same = false;
  }
  return same ? previous : found;
}
