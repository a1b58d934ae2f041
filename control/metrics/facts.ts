import type { WorkloadKind } from '../../api/metrics-api.ts';
import { LABELS } from '../../api/names.ts';
import { PORTS } from '../../api/ports.ts';
import type { Container, Pod } from '../../lib/kube/types.ts';

/** What metrics and tap know of a pod. */
export interface PodFacts {
  /** namespace/name */
  key: string;
  namespace: string;
  name: string;
  /** null until it has one, and once it has ended */
  ip: string | null;
  labels: Record<string, string>;
  /** has a proxy of this mesh */
  meshed: boolean;
  /** not ended and not being deleted */
  live: boolean;
  hostNetwork: boolean;
  serviceAccount: string;
  /** milliseconds since the epoch */
  startedAt: number | undefined;
  adminPort: number;
  tapPort: number;
  /** the workloads it belongs to: a pod of a CronJob belongs to its Job too */
  owners: Partial<Record<WorkloadKind, string>>;
}

const KINDS = new Set<string>(['deployment', 'statefulset', 'daemonset', 'job', 'cronjob', 'replicaset'] satisfies WorkloadKind[]);
const TAP_LISTEN = /_PROXY_(TAP|CONTROL)_LISTEN_ADDR$/;

function ownersOf(pod: Pod): Partial<Record<WorkloadKind, string>> {
  const owners: Partial<Record<WorkloadKind, string>> = {};
  const controller = pod.metadata.ownerReferences?.find((o) => o.controller);
  const kind = controller?.kind.toLowerCase() ?? '';
  if (controller !== undefined && KINDS.has(kind)) owners[kind as WorkloadKind] = controller.name;
  const labels = pod.metadata.labels ?? {};
  // Deployments name their ReplicaSets so; the injector's labels, where there are any, say it outright.
  const hash = labels['pod-template-hash'];
  if (kind === 'replicaset' && hash !== undefined && controller!.name.endsWith(`-${hash}`)) owners.deployment = controller!.name.slice(0, -hash.length - 1);
  for (const [key, value] of Object.entries(labels)) {
    const labelled = key.startsWith(LABELS.ownerPrefix) ? key.slice(LABELS.ownerPrefix.length) : '';
    if (KINDS.has(labelled)) owners[labelled as WorkloadKind] = value;
  }
  return owners;
}

/** Port of the container port that a proxy's container names, ours or a stock linkerd2-proxy's. */
function namedPort(containers: Container[], names: string[], fallback: number): number {
  return containers.flatMap((c) => c.ports ?? []).find((p) => p.name !== undefined && names.includes(p.name))?.containerPort ?? fallback;
}

function tapPort(containers: Container[]): number {
  const listen = containers.flatMap((c) => c.env ?? []).find((e) => TAP_LISTEN.test(e.name))?.value;
  const port = Number(listen?.slice(listen.lastIndexOf(':') + 1));
  return Number.isInteger(port) && port > 0 ? port : PORTS.tap;
}

export function factsOf(pod: Pod, controlNamespace: string): PodFacts {
  const { metadata, spec, status } = pod;
  const containers = [...spec.containers, ...(spec.initContainers ?? [])];
  const ended = status?.phase === 'Succeeded' || status?.phase === 'Failed';
  const started = Date.parse((status as { startTime?: string } | undefined)?.startTime ?? '');
  const namespace = metadata.namespace ?? '';
  return {
    key: `${namespace}/${metadata.name}`,
    namespace,
    name: metadata.name,
    ip: ended ? null : status?.podIP ?? null,
    labels: metadata.labels ?? {},
    meshed: metadata.labels?.[LABELS.controlPlaneNs] === controlNamespace,
    live: !ended && metadata.deletionTimestamp === undefined,
    hostNetwork: spec.hostNetwork === true,
    serviceAccount: spec.serviceAccountName ?? 'default',
    startedAt: Number.isNaN(started) ? undefined : started,
    adminPort: namedPort(containers, ['mesh-admin', 'linkerd-admin'], PORTS.admin),
    tapPort: tapPort(containers),
    owners: ownersOf(pod),
  };
}

/** Name of the workload of `kind` that the pod counts for; undefined when it belongs to none. */
export function memberOf(pod: PodFacts, kind: WorkloadKind): string | undefined {
  if (kind === 'pod') return pod.name;
  if (kind === 'namespace') return pod.namespace;
  return pod.owners[kind];
}
