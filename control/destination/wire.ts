import type { Update, WeightedAddr } from '../../api/gen/destination_pb.js';
import type { Init } from '../../lib/grpc/wire.ts';
import { ipMessage } from '../cluster/ip.ts';
import type { Endpoint } from './endpoint.ts';
import { localityOf } from './locality.ts';
import type { Place } from './locality.ts';

/** Every endpoint weighs the same; Linkerd's unit. */
const WEIGHT = 10_000;

export function weightedAddr(endpoint: Endpoint, place: Place): Init<WeightedAddr> {
  const { ip, port, mesh, opaque, labels, pod } = endpoint;
  return {
    addr: { ip: ipMessage(ip), port },
    weight: WEIGHT,
    metricLabels: { ...labels, zone_locality: localityOf(endpoint, place) },
    ...(mesh && {
      tlsIdentity: { strategy: { case: 'dnsLikeIdentity', value: { name: mesh.identity } }, serverName: { name: mesh.identity } },
      protocolHint: {
        protocol: opaque ? { case: 'opaque', value: {} } : { case: 'h2', value: {} },
        opaqueTransport: { inboundPort: mesh.inboundPort },
      },
    }),
    ...(pod && { resourceRef: { kind: { case: 'resource', value: { group: 'core', kind: 'Pod', name: pod.name, namespace: pod.namespace, port } } } }),
  };
}

export function addUpdate(endpoints: Endpoint[], labels: Record<string, string>, place: Place): Init<Update> {
  return { update: { case: 'add', value: { addrs: endpoints.map((one) => weightedAddr(one, place)), metricLabels: labels } } };
}

export function removeUpdate(endpoints: Endpoint[]): Init<Update> {
  return { update: { case: 'remove', value: { addrs: endpoints.map(({ ip, port }) => ({ ip: ipMessage(ip), port })) } } };
}

export function noEndpoints(exists: boolean): Init<Update> {
  return { update: { case: 'noEndpoints', value: { exists } } };
}
