import type { V1Container, V1Pod } from '@kubernetes/client-node';
import { injectAnnotation } from '../../api/annotations.ts';
import { CONTAINERS } from '../../api/names.ts';
import type { NamespaceLike } from '../metadata.ts';

/** Why a pod is left alone. Stable codes: they are label values of the injector's metrics. */
export type SkipCode =
  | 'injection_enable_annotation_absent'
  | 'injection_disable_annotation_present'
  | 'invalid_inject_annotation_at_workload'
  | 'invalid_inject_annotation_at_namespace'
  | 'host_network_enabled'
  | 'sidecar_already_exists'
  | 'unsupported_operating_system'
  | 'mirror_pod';

/** `wanted` says that somebody asked for injection, so that the skip is worth a warning and an event. */
export interface Skip { skipped: SkipCode; reason: string; wanted: boolean }

const MIRROR_POD = 'kubernetes.io/config.mirror';
const OWN_MESH = 'kubectl mesh';
const SIDECAR_NAMES = new Map<string, string>([
  [CONTAINERS.proxy, OWN_MESH], [CONTAINERS.init, OWN_MESH],
  ['linkerd-proxy', 'Linkerd'], ['linkerd-init', 'Linkerd'], ['linkerd-network-validator', 'Linkerd'],
  ['istio-proxy', 'Istio'], ['istio-init', 'Istio'], ['istio-validation', 'Istio'],
  ['kuma-sidecar', 'Kuma'], ['kuma-init', 'Kuma'], ['consul-dataplane', 'Consul'],
]);
/** Other meshes' proxies under other container names are told by their image. */
const SIDECAR_IMAGES: [RegExp, string][] = [
  [/(^|\/)linkerd\/proxy(-init)?([:@]|$)/, 'Linkerd'],
  [/(^|\/)(istio|istio-release)\/proxyv2([:@]|$)/, 'Istio'],
];

function foreignSidecar(containers: V1Container[]): { container: string; mesh: string } | undefined {
  for (const c of containers) {
    const mesh = SIDECAR_NAMES.get(c.name) ?? SIDECAR_IMAGES.find(([image]) => image.test(c.image ?? ''))?.[1];
    if (mesh !== undefined) return { container: c.name, mesh };
  }
  return undefined;
}

/**
 * Whether a pod is injected: null, or why not. The pod's own annotation or label decides; where it has none, its namespace's.
 * A pod that asks for injection and cannot have it (host network, another mesh) is a skip that was wanted.
 */
export function decide(pod: V1Pod, namespace: NamespaceLike): Skip | null {
  const own = injectAnnotation(pod.metadata);
  const inherited = injectAnnotation(namespace.metadata);
  const chosen = own ?? inherited;
  if (chosen === undefined) {
    return { skipped: 'injection_enable_annotation_absent', reason: 'neither the pod nor its namespace asks for injection', wanted: false };
  }
  const where = own === undefined ? 'namespace' : 'pod';
  if (chosen.value === 'disabled') {
    return { skipped: 'injection_disable_annotation_present', reason: `${chosen.key} is "disabled" on the ${where}`, wanted: false };
  }
  if (chosen.value !== 'enabled') {
    return {
      skipped: own === undefined ? 'invalid_inject_annotation_at_namespace' : 'invalid_inject_annotation_at_workload',
      reason: `${chosen.key} on the ${where} is "${chosen.value}"; the values understood are "enabled" and "disabled"`,
      wanted: true,
    };
  }
  if (pod.metadata?.annotations?.[MIRROR_POD] !== undefined) {
    return { skipped: 'mirror_pod', reason: 'a static pod is read by the kubelet from a file and cannot be changed through the API', wanted: own !== undefined };
  }
  if (pod.spec?.hostNetwork === true) {
    return {
      skipped: 'host_network_enabled',
      reason: 'the pod uses the network of its node (hostNetwork: true), whose traffic must not be redirected',
      wanted: true,
    };
  }
  if (pod.spec?.os?.name === 'windows') {
    return { skipped: 'unsupported_operating_system', reason: 'the proxy runs on Linux nodes and the pod asks for Windows', wanted: true };
  }
  const sidecar = foreignSidecar([...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])]);
  if (sidecar !== undefined) {
    return {
      skipped: 'sidecar_already_exists',
      reason: `container ${sidecar.container} is a sidecar of ${sidecar.mesh}; a pod can have one mesh only`,
      wanted: sidecar.mesh !== OWN_MESH,
    };
  }
  return null;
}
