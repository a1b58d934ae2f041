import type { DestinationProfile } from '../../api/gen/destination_pb.js';
import type { MeshConfig } from '../../api/config.ts';
import type { Init } from '../../lib/grpc/wire.ts';
import { locatePod } from '../cluster/locate.ts';
import { isOpaqueServicePort } from '../cluster/mesh.ts';
import { serviceName } from '../cluster/target.ts';
import type { Target } from '../cluster/target.ts';
import type { ClusterView } from '../cluster/view.ts';
import { addressSet } from './address-set.ts';
import { makeEndpoint } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';
import type { Place } from './locality.ts';
import { weightedAddr } from './wire.ts';

/** What is behind an address or a name; `endpoint` without a pod where nothing of the cluster has the address. Never changed once made. */
export type Profile =
  | { kind: 'service'; name: string; namespace: string; port: number; opaque: boolean; signature: string }
  | { kind: 'endpoint'; endpoint: Endpoint; signature: string };

/**
 * Computes the profile of a target. When what was there has gone, the last known profile stays: traffic to the address fails by itself, and must not
 * go on in plain text.
 */
export function profileOf(target: Target, view: ClusterView, config: MeshConfig, previous: Profile | undefined): Profile {
  const found = find(target, view, config);
  if (!previous) return found;
  const nobody = found.kind === 'endpoint' && found.endpoint.pod === undefined;
  return nobody || found.signature === previous.signature ? previous : found;
}

function find(target: Target, view: ClusterView, config: MeshConfig): Profile {
  const { port } = target;
  if (target.kind === 'ip') {
    const [service] = view.servicesByIp(target.ip);
    if (service) return ofService(service.metadata.name, service.metadata.namespace ?? '', port, view, config);
    const located = locatePod(view.podsByIp(target.ip), target.ip, port);
    return ofEndpoint(makeEndpoint(located?.ip ?? target.ip, located?.port ?? port, located?.pod, {}, view, config));
  }
  if (target.hostname === undefined) return ofService(target.name, target.namespace, port, view, config);
  const [endpoint] = addressSet(target, view, config, undefined).endpoints.values();
  return endpoint ? ofEndpoint(endpoint) : ofService(target.name, target.namespace, port, view, config);
}

function ofEndpoint(endpoint: Endpoint): Profile {
  return { kind: 'endpoint', endpoint, signature: `endpoint ${endpoint.signature}` };
}

/** A service by name needs not exist yet: it has a profile, and Get says that it has no endpoints. */
function ofService(name: string, namespace: string, port: number, view: ClusterView, config: MeshConfig): Profile {
  const service = view.service(`${namespace}/${name}`);
  const opaque = service !== undefined && isOpaqueServicePort(service, port, view, config);
  return { kind: 'service', name, namespace, port, opaque, signature: `service ${namespace}/${name}:${port} ${opaque}` };
}

/** Linkerd's default budget: a fifth more requests, ten a second at least. */
const RETRY_BUDGET = { retryRatio: 0.2, minRetriesPerSecond: 10, ttl: { seconds: 10n } };

export function profileMessage(profile: Profile, place: Place, config: MeshConfig): Init<DestinationProfile> {
  if (profile.kind === 'endpoint') {
    const { endpoint } = profile;
    return {
      retryBudget: RETRY_BUDGET,
      opaqueProtocol: endpoint.opaque,
      endpoint: { ...weightedAddr(endpoint, place), metricLabels: { ...weightedAddr(endpoint, place).metricLabels, ...(endpoint.pod && { namespace: endpoint.pod.namespace }) } },
    };
  }
  const { name, namespace, port, opaque } = profile;
  return {
    fullyQualifiedName: serviceName(name, namespace, config.clusterDomain),
    retryBudget: RETRY_BUDGET,
    opaqueProtocol: opaque,
    parentRef: { kind: { case: 'resource', value: { group: 'core', kind: 'Service', name, namespace, port } } },
  };
}
