import type { MeshConfig } from '../../api/config.ts';
import { identityName, LABELS } from '../../api/names.ts';
import { PORTS } from '../../api/ports.ts';
import type { Pod, Service } from '../../lib/kube/types.ts';
import { annotation, proxyOf, skipsProxy } from '../../lib/mesh/pods.ts';
import { portSet } from '../../lib/mesh/port-set.ts';
import { servicePort } from '../../lib/mesh/service-port.ts';
import type { ClusterView } from './view.ts';

/** What a pod's or service's metadata say to the mesh, beside lib/mesh/pods.ts. Pure functions of the view and the configuration. */

/** Whether the pod runs a proxy of this mesh. */
export function isMeshed(pod: Pod, config: MeshConfig): boolean {
  return pod.metadata.labels?.[LABELS.controlPlaneNs] === config.controlNamespace && proxyOf(pod) !== undefined;
}

/** Whether the proxy takes connections to this port: not the ports that skip it, nor the proxy's own, which are served in the clear. */
export function isProxied(pod: Pod, port: number, view: ClusterView, config: MeshConfig): boolean {
  if (!isMeshed(pod, config) || port === PORTS.admin || port === PORTS.tap) return false;
  return !skipsProxy(pod, port, view, config);
}

/** appProtocol values, in lower case, that mark a port opaque: to look for HTTP there is of no use. */
const OPAQUE_PROTOCOLS = new Set(['kubectl-mesh.io/opaque', 'linkerd.io/opaque', 'linkerd.io/tcp', 'tcp', 'mysql', 'postgres', 'postgresql', 'redis', 'mongo', 'mongodb']);

/** appProtocol (KEP-3726 and what is in common use), in lower case -> what a proxy need not find out. */
const HTTP_PROTOCOLS: Partial<Record<string, 'http1' | 'http2' | 'grpc'>> = {
  http: 'http1',
  ws: 'http1',
  'kubernetes.io/ws': 'http1',
  h2c: 'http2',
  'kubernetes.io/h2c': 'http2',
  http2: 'http2',
  grpc: 'grpc',
};

/** The HTTP that a port of a service is declared to speak; undefined where it is to be found out. */
export function declaredHttp(service: Service, port: number): 'http1' | 'http2' | 'grpc' | undefined {
  return HTTP_PROTOCOLS[servicePort(service, port)?.appProtocol?.toLowerCase() ?? ''];
}

/** Whether a port of a service is opaque: by its appProtocol, else the service's annotation, its namespace's, or the default list, if it is not declared to be HTTP. */
export function isOpaqueServicePort(service: Service, port: number, view: ClusterView, config: MeshConfig): boolean {
  const found = servicePort(service, port);
  if (found?.appProtocol !== undefined && OPAQUE_PROTOCOLS.has(found.appProtocol.toLowerCase())) return true;
  const annotated = annotation(service, 'opaque-ports', view);
  if (annotated === undefined && declaredHttp(service, port) !== undefined) return false;
  const opaque = annotated ?? config.proxy.opaquePorts.join(',');
  return portSet(opaque, new Map((service.spec.ports ?? []).flatMap((p) => (p.name ? [[p.name, p.port] as const] : []))))(port);
}

/** Whether a service has no address of its own: its name stands for those of its endpoints. */
export function isHeadless(service: Service): boolean {
  return service.spec.clusterIPs?.[0] === 'None';
}

/** Port that the pod's proxy takes mesh traffic on. */
export function inboundPort(pod: Pod): number {
  const listen = proxyOf(pod)?.env?.find((e) => e.value !== undefined)?.value;
  const port = Number(listen?.slice(listen.lastIndexOf(':') + 1));
  return Number.isInteger(port) && port > 0 ? port : PORTS.inbound;
}

export function podIdentity(pod: Pod, config: MeshConfig): string {
  return identityName(serviceAccountOf(pod), pod.metadata.namespace ?? '', config.trustDomain, config.controlNamespace);
}

export function serviceAccountOf(pod: Pod): string {
  return pod.spec.serviceAccountName ?? 'default';
}
