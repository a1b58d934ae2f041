import { configAnnotation } from '../../api/annotations.ts';
import type { ConfigKey } from '../../api/annotations.ts';
import type { MeshConfig } from '../../api/config.ts';
import { CONTAINERS, identityName, LABELS } from '../../api/names.ts';
import { PORTS } from '../../api/ports.ts';
import type { Container, Pod, Service, ServicePort } from '../../lib/kube/types.ts';
import { portSet } from './port-set.ts';
import type { ClusterView } from './view.ts';

/** What a pod's or service's metadata say to the mesh. Pure functions of the view and the configuration. */

/** Whether the pod runs a proxy of this mesh. */
export function isMeshed(pod: Pod, config: MeshConfig): boolean {
  return pod.metadata.labels?.[LABELS.controlPlaneNs] === config.controlNamespace && proxyOf(pod) !== undefined;
}

/** Whether the proxy takes connections to this port: not the ports that skip it, nor the proxy's own, which are served in the clear. */
export function isProxied(pod: Pod, port: number, view: ClusterView, config: MeshConfig): boolean {
  if (!isMeshed(pod, config) || port === PORTS.admin || port === PORTS.tap) return false;
  const skipped = annotation(pod, 'skip-inbound-ports', view) ?? config.proxy.skipInboundPorts.join(',');
  return !portSet(skipped, namedPorts(pod))(port);
}

/** Whether the application's bytes on this port of the pod are to be left alone. */
export function isOpaquePort(pod: Pod, port: number, view: ClusterView, config: MeshConfig): boolean {
  const opaque = annotation(pod, 'opaque-ports', view) ?? config.proxy.opaquePorts.join(',');
  return portSet(opaque, namedPorts(pod))(port);
}

/** appProtocol values that mark a port opaque. */
const OPAQUE_PROTOCOLS = new Set(['kubectl-mesh.io/opaque', 'linkerd.io/opaque', 'linkerd.io/tcp']);

/** The same for a port of a service: its annotation, its appProtocol, its namespace's annotation, the default list. */
export function isOpaqueServicePort(service: Service, port: number, view: ClusterView, config: MeshConfig): boolean {
  const found = servicePort(service, port);
  if (found?.appProtocol !== undefined && OPAQUE_PROTOCOLS.has(found.appProtocol)) return true;
  const opaque = annotation(service, 'opaque-ports', view) ?? config.proxy.opaquePorts.join(',');
  return portSet(opaque, new Map((service.spec.ports ?? []).flatMap((p) => (p.name ? [[p.name, p.port] as const] : []))))(port);
}

/** The declared TCP port of this number; UDP ports, which may share numbers with TCP ones, are none of the mesh's business. */
export function servicePort(service: Service, port: number): ServicePort | undefined {
  return service.spec.ports?.find((p) => p.port === port && (p.protocol ?? 'TCP') === 'TCP');
}

/** Value of an annotation on the object, else on its namespace. */
export function annotation(object: Pod | Service, key: ConfigKey, view: ClusterView): string | undefined {
  return configAnnotation(object.metadata, key) ?? configAnnotation(view.namespace(object.metadata.namespace ?? '')?.metadata, key);
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

export function allContainers(pod: Pod): Container[] {
  return [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
}

export function namedPorts(pod: Pod): Map<string, number> {
  return new Map(allContainers(pod).flatMap((c) => c.ports ?? []).flatMap((p) => (p.name ? [[p.name, p.containerPort] as const] : [])));
}

/** The proxy's container, ours or a stock linkerd2-proxy that runs under this control plane. */
function proxyOf(pod: Pod): Container | undefined {
  return allContainers(pod).find((c) => c.name === CONTAINERS.proxy || c.name === 'linkerd-proxy');
}

/** The workload that a pod belongs to; kind in lower case (deployment, statefulset, job, …); undefined for a bare pod. */
export function ownerOf(pod: Pod): { kind: string; name: string } | undefined {
  const labels = pod.metadata.labels ?? {};
  for (const kind of ['cronjob', 'deployment', 'statefulset', 'daemonset', 'job', 'replicaset', 'replicationcontroller']) {
    const name = labels[`${LABELS.ownerPrefix}${kind}`];
    if (name) return { kind, name };
  }
  const owner = pod.metadata.ownerReferences?.find((reference) => reference.controller);
  if (!owner) return undefined;
  const hash = labels['pod-template-hash'];
  if (owner.kind === 'ReplicaSet' && hash && owner.name.endsWith(`-${hash}`)) {
    return { kind: 'deployment', name: owner.name.slice(0, -hash.length - 1) };
  }
  return { kind: owner.kind.toLowerCase(), name: owner.name };
}
