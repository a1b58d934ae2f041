import { LABELS } from '../../api/names.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { RESOURCES } from '../../lib/kube/resources.ts';
import type { Pod } from '../../lib/kube/types.ts';
import { type Owner, ownerOf } from '../owners.ts';

/** Kinds that `kubectl rollout restart` knows. */
const RESTARTABLE = new Set(['Deployment', 'StatefulSet', 'DaemonSet']);

/** What to run so that the pods of a namespace that started without the proxy are replaced, and what cannot be restarted. */
export interface RestartAdvice { restart: string[]; others: string[] }

function couldBeMeshed({ metadata, spec, status }: Pod): boolean {
  const ended = status?.phase === 'Succeeded' || status?.phase === 'Failed' || metadata.deletionTimestamp !== undefined;
  return !ended && spec.hostNetwork !== true && metadata.labels?.[LABELS.controlPlaneNs] === undefined;
}

/** Workloads of `namespace` with pods that have no proxy, as kind/name in alphabetical order. Throws KubeError. */
export async function unmeshedWorkloads(kube: Pick<KubeClient, 'list' | 'json'>, namespace: string): Promise<RestartAdvice> {
  const pods = await kube.list(RESOURCES.pods, { namespace });
  const looked = new Map<string, Promise<Owner | undefined>>();
  const owners = await Promise.all(pods.filter(couldBeMeshed).map((pod) => {
    const key = pod.metadata.ownerReferences?.find((o) => o.controller === true)?.uid ?? `pod/${pod.metadata.name}`;
    const owner = looked.get(key) ?? ownerOf(kube, pod.metadata, namespace);
    looked.set(key, owner);
    return owner.then((o) => o ?? { kind: 'Pod', name: pod.metadata.name });
  }));
  const names = (wanted: boolean): string[] => {
    const chosen = owners.filter((o) => RESTARTABLE.has(o.kind) === wanted).map((o) => `${o.kind.toLowerCase()}/${o.name}`);
    return [...new Set(chosen)].sort();
  };
  return { restart: names(true), others: names(false) };
}

/** Lines for a person, short enough for admission warnings. */
export function adviseRestart(namespace: string, { restart, others }: RestartAdvice): string[] {
  const lines: string[] = [];
  if (restart.length > 0) lines.push(`pods that run already stay as they are; this replaces them by meshed ones: kubectl -n ${namespace} rollout restart ${restart.join(' ')}`);
  if (others.length > 0) lines.push(`created anew, these come up meshed: ${others.join(' ')}`);
  return lines;
}
