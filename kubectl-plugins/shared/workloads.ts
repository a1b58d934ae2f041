import { CREATED_BY, PROXY_VERSION } from '../../api/annotations.ts';
import { LABELS } from '../../api/names.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import type { ContainerStatus, Pod } from '../../lib/kube/types.ts';
import { proxyOf, runsStockProxy } from '../../lib/mesh/pods.ts';
import { KINDS } from './kinds.ts';

/** Pods that carry the proxy, whatever their phase; finished ones are left out. */
export async function injectedPods(kube: KubeClient, options: { namespace?: string | undefined; selector?: string | undefined; signal?: AbortSignal } = {}): Promise<Pod[]> {
  const selector = [LABELS.controlPlaneNs, ...(options.selector ? [options.selector] : [])].join(',');
  const pods = await kube.list(KINDS.pods, { namespace: options.namespace, labelSelector: selector, signal: options.signal });
  return pods.filter((pod) => pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed');
}

/** Status of the proxy container, native sidecar or not. */
export function proxyStatus(pod: Pod): ContainerStatus | undefined {
  return [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])].find((s) => s.name === proxyOf(pod)?.name);
}

/** Version that the injector wrote on the pod; that of a stock linkerd2-proxy is not ours to know. */
export function proxyVersion(pod: Pod): string {
  if (runsStockProxy(pod)) return 'linkerd2-proxy';
  const { annotations } = pod.metadata;
  return annotations?.[PROXY_VERSION] ?? annotations?.[CREATED_BY]?.split('/').at(-1) ?? 'unknown';
}

/** The workload that a pod belongs to, as the injector labelled it: "deploy/web", or "pod/x" for a pod by itself. */
export function ownerOf(pod: Pod): { kind: string; name: string } {
  for (const [key, value] of Object.entries(pod.metadata.labels ?? {})) {
    if (key.startsWith(LABELS.ownerPrefix)) return { kind: key.slice(LABELS.ownerPrefix.length), name: value };
  }
  return { kind: 'pod', name: pod.metadata.name };
}
