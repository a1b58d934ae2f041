import type { Service, ServicePort } from '../kube/types.ts';

/** The declared TCP port of this number; UDP ports, which may share numbers with TCP ones, are none of the mesh's business. */
export function servicePort(service: Service, port: number): ServicePort | undefined {
  return service.spec.ports?.find((p) => p.port === port && (p.protocol ?? 'TCP') === 'TCP');
}
