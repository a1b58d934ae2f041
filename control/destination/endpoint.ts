import type { MeshConfig } from '../../api/config.ts';
import { LABELS } from '../../api/names.ts';
import type { Pod, SliceEndpoint } from '../../lib/kube/types.ts';
import { isOpaquePort, ownerOf } from '../../lib/mesh/pods.ts';
import { inboundPort, isProxied, podIdentity, serviceAccountOf } from '../cluster/mesh.ts';
import type { ClusterView } from '../cluster/view.ts';

/** One address that serves, and what a client's proxy needs to know of it. Never changed once made. */
export interface Endpoint {
  ip: string;
  port: number;
  zone: string | undefined;
  node: string | undefined;
  /** zones that EndpointSlice hints give it to; undefined without hints */
  hintZones: string[] | undefined;
  hintNodes: string[] | undefined;
  /** metric labels without the locality, which depends on who asks */
  labels: Record<string, string>;
  /** how to speak to its proxy; undefined = not meshed, plain text */
  mesh: { identity: string; inboundPort: number } | undefined;
  opaque: boolean;
  pod: { name: string; namespace: string } | undefined;
  /** text that differs whenever anything above does */
  signature: string;
}

/** Linkerd's label for a kind of owner: `job` would clash with Prometheus' own. */
const ownerLabel = (kind: string): string => (kind === 'job' ? 'k8s_job' : kind);

export function podLabels(pod: Pod): Record<string, string> {
  const owner = ownerOf(pod);
  const labels = pod.metadata.labels ?? {};
  return {
    ...(owner && { [ownerLabel(owner.kind)]: owner.name }),
    pod: pod.metadata.name,
    serviceaccount: serviceAccountOf(pod),
    ...(labels[LABELS.controlPlaneNs] && { control_plane_ns: labels[LABELS.controlPlaneNs]! }),
    ...(labels['pod-template-hash'] && { pod_template_hash: labels['pod-template-hash'] }),
  };
}

/** An endpoint behind which there may be a pod; `from` carries what its EndpointSlice says. */
export function makeEndpoint(
  ip: string, port: number, pod: Pod | undefined, from: Pick<SliceEndpoint, 'zone' | 'nodeName' | 'hints'>, view: ClusterView, config: MeshConfig,
): Endpoint {
  const node = from.nodeName ?? pod?.spec.nodeName;
  const zone = from.zone ?? (node === undefined ? undefined : view.zone(node));
  const zones = from.hints?.forZones?.map((hint) => hint.name);
  const nodes = from.hints?.forNodes?.map((hint) => hint.name);
  const facts = {
    ip,
    port,
    zone,
    node,
    hintZones: zones?.length ? zones : undefined,
    hintNodes: nodes?.length ? nodes : undefined,
    labels: { ...(pod && podLabels(pod)), ...(zone && { zone }) },
    mesh: pod && isProxied(pod, port, view, config) ? { identity: podIdentity(pod, config), inboundPort: inboundPort(pod) } : undefined,
    opaque: pod ? isOpaquePort(pod, port, view, config) : config.proxy.opaquePorts.includes(port),
    pod: pod && { name: pod.metadata.name, namespace: pod.metadata.namespace ?? '' },
  };
  return { ...facts, signature: JSON.stringify(facts) };
}
