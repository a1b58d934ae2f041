/** What a pod's metadata say to the mesh. Pure functions of the pod, its namespace and the configuration. */
import { configAnnotation } from '../../api/annotations.ts';
import type { ConfigKey } from '../../api/annotations.ts';
import { CONTAINERS, LABELS, STOCK_PROXY } from '../../api/names.ts';
import type { Container, KubeObject, Namespace, Pod } from '../kube/types.ts';
import { portSet } from './port-set.ts';

export interface Namespaces { namespace(name: string): Namespace | undefined }

/** Value of an annotation on the object, else on its namespace. */
export function annotation(object: KubeObject, key: ConfigKey, view: Namespaces): string | undefined {
  return configAnnotation(object.metadata, key) ?? configAnnotation(view.namespace(object.metadata.namespace ?? '')?.metadata, key);
}

/** Whether the application's bytes on this port of the pod are to be left alone. */
export function isOpaquePort(pod: Pod, port: number, view: Namespaces, config: { proxy: { opaquePorts: number[] } }): boolean {
  const opaque = annotation(pod, 'opaque-ports', view) ?? config.proxy.opaquePorts.join(',');
  return portSet(opaque, namedPorts(pod))(port);
}

/** Whether connections to this port of a meshed pod are kept from its proxy. */
export function skipsProxy(pod: Pod, port: number, view: Namespaces, config: { proxy: { skipInboundPorts: string[] } }): boolean {
  const skipped = annotation(pod, 'skip-inbound-ports', view) ?? config.proxy.skipInboundPorts.join(',');
  const redirected = annotation(pod, 'redirect-inbound-ports', view) ?? '';
  const named = namedPorts(pod);
  return portSet(skipped, named)(port) || (redirected !== '' && !portSet(redirected, named)(port));
}

export function allContainers(pod: Pod): Container[] {
  return [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
}

/** The proxy's container, ours or a stock linkerd2-proxy that runs under this control plane. */
export function proxyOf(pod: Pod): Container | undefined {
  return allContainers(pod).find((c) => c.name === CONTAINERS.proxy || c.name === STOCK_PROXY);
}

/** Whether the proxy is a stock linkerd2-proxy: it knows none of our additions, has no /identity, and reads trust anchors once. */
export function runsStockProxy(pod: Pod): boolean {
  return proxyOf(pod)?.name === STOCK_PROXY;
}

export function namedPorts(pod: Pod): Map<string, number> {
  return new Map(allContainers(pod).flatMap((c) => c.ports ?? []).flatMap((p) => (p.name ? [[p.name, p.containerPort] as const] : [])));
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

/** Whether the pod is one of a workload; `kind` in lower case. A pod of a Deployment is one of its ReplicaSet too. */
export function belongsTo(pod: Pod, kind: string, name: string): boolean {
  if (pod.metadata.labels?.[`${LABELS.ownerPrefix}${kind}`] === name) return true;
  const owner = ownerOf(pod);
  return owner?.kind === kind && owner.name === name;
}
