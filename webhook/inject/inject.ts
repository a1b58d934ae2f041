import type { V1Pod } from '@kubernetes/client-node';
import { CREATED_BY, PROXY_VERSION } from '../../api/annotations.ts';
import type { MeshConfig } from '../../api/config.ts';
import { LABELS } from '../../api/names.ts';
import type { NamespaceLike } from '../metadata.ts';
import { type JsonPatchOp, pointer, setEntries } from '../patch.ts';
import { initContainer, meshVolumes, proxyContainer } from './containers.ts';
import { type Skip, decide } from './decide.ts';
import { type ProxySettings, resolveSettings } from './settings.ts';

export interface InjectInput {
  pod: V1Pod;
  /** the pod's namespace: its annotations are defaults for the pod's */
  namespace: NamespaceLike;
  config: MeshConfig;
  /** the workload that a person would name: the Deployment, not its ReplicaSet. kind as in the API, e.g. Deployment */
  owner?: { kind: string; name: string } | undefined;
}

export interface Injection { operations: JsonPatchOp[]; warnings: string[] }

const MAX_LABEL = 63;

/** Names of objects may be longer than a label value; then its head stands for it. */
function labelValue(name: string): string {
  return name.length <= MAX_LABEL ? name : name.slice(0, MAX_LABEL).replace(/[^A-Za-z0-9]+$/, '');
}

function conflicts(pod: V1Pod, settings: ProxySettings): string[] {
  const ours = new Set(Object.values(settings.ports));
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  const out: string[] = [];
  for (const c of containers) {
    for (const p of c.ports ?? []) {
      if (ours.has(p.containerPort)) {
        out.push(`container ${c.name} declares port ${p.containerPort}, which the proxy of this pod needs; give the proxy another one by annotation`);
      }
    }
    if (c.securityContext?.runAsUser === settings.uid || (c.securityContext?.runAsUser === undefined && pod.spec?.securityContext?.runAsUser === settings.uid)) {
      out.push(`container ${c.name} runs as user ${settings.uid}, the proxy's: its outbound traffic is not meshed; set proxy-uid to another user`);
    }
  }
  return out;
}

/**
 * The JSON patch that meshes a pod, or why it is left alone. Pure: the same input gives the same bytes.
 * Warnings are for the person who created the pod; none of them stops it.
 */
export function inject({ pod, namespace, config, owner }: InjectInput): Injection | Skip {
  const skip = decide(pod, namespace);
  if (skip !== null) return skip;
  const { settings, warnings } = resolveSettings(pod, namespace, config);

  const labels: Record<string, string> = {
    [LABELS.controlPlaneNs]: config.controlNamespace,
    [LABELS.workloadNs]: namespace.metadata?.name ?? '',
    ...(owner && { [`${LABELS.ownerPrefix}${owner.kind.toLowerCase()}`]: labelValue(owner.name) }),
  };
  const annotations = { [CREATED_BY]: `kubectl-mesh/injector ${config.version}`, [PROXY_VERSION]: settings.version };

  const operations: JsonPatchOp[] = pod.metadata === undefined ? [{ op: 'add', path: '/metadata', value: {} }] : [];
  operations.push(
    ...setEntries(['metadata', 'annotations'], pod.metadata?.annotations, annotations),
    ...setEntries(['metadata', 'labels'], pod.metadata?.labels, labels),
  );
  if (pod.spec?.volumes === undefined) operations.push({ op: 'add', path: '/spec/volumes', value: [] });
  for (const volume of meshVolumes()) operations.push({ op: 'add', path: pointer('spec', 'volumes', '-'), value: volume });
  if (pod.spec?.initContainers === undefined) operations.push({ op: 'add', path: '/spec/initContainers', value: [] });
  operations.push(
    { op: 'add', path: '/spec/initContainers/0', value: initContainer(settings) },
    { op: 'add', path: '/spec/initContainers/1', value: proxyContainer(pod, config, settings) },
  );
  return { operations, warnings: [...warnings, ...conflicts(pod, settings)] };
}
