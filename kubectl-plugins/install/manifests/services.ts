import type { V1Service } from '@kubernetes/client-node';
import { SERVICES } from '../../../api/names.ts';
import { labelsOf, selectorOf, type Component, type Manifest } from './object.ts';

/** Names of the container ports that Services point at. */
export const PORT_NAMES = { identity: 'grpc-identity', destination: 'grpc-dst', policy: 'grpc-policy', webhook: 'https-webhook', api: 'https-api', admin: 'http-admin' } as const;

/** One Service an endpoint of the control plane. gRPC ports keep their number; HTTPS is on 443, where API servers look. */
export function services(namespace: string, ports: { identity: number; destination: number; policy: number }): (V1Service & Manifest)[] {
  return [
    service(SERVICES.identity, 'identity', { name: PORT_NAMES.identity, port: ports.identity }),
    service(SERVICES.destination, 'control', { name: PORT_NAMES.destination, port: ports.destination }),
    service(SERVICES.policy, 'control', { name: PORT_NAMES.policy, port: ports.policy }),
    service(SERVICES.webhook, 'control', { name: PORT_NAMES.webhook, port: 443 }),
    service(SERVICES.api, 'control', { name: PORT_NAMES.api, port: 443 }),
  ];

  function service(name: string, component: Component, port: { name: string; port: number }): V1Service & Manifest {
    return {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace, labels: labelsOf(component) },
      spec: { type: 'ClusterIP', selector: selectorOf(component), ports: [{ ...port, protocol: 'TCP', targetPort: port.name }] },
    };
  }
}
