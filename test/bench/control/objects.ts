/** The simulated objects, as the API server gets them. */
import type { Container, KubeObject, PodSpec } from '../../../lib/kube/types.ts';
import { LABELS } from '../../../api/names.ts';

type Thing = KubeObject & Record<string, unknown>;

/** What a meshed pod of the sample looks like once it is injected; the simulated ones are made in its image. */
export interface Pattern { spec: PodSpec & Record<string, unknown>; labels: Record<string, string>; annotations: Record<string, string> }

export const NAMESPACES = 20;
export const NODES = 100;
const ZONES = 3;
/** kube-proxy and cluster DNS of the one real node leave such Services alone: they would take CPU from what is measured. */
const NOT_FOR_KUBE_PROXY = { 'service.kubernetes.io/service-proxy-name': 'bench' };
export const PORT = 8080;
/** An EndpointSlice of Kubernetes' own controller holds as many. */
export const SLICE_SIZE = 100;

export const namespaceName = (i: number): string => `sim-${String(i % NAMESPACES).padStart(2, '0')}`;
export const nodeName = (i: number): string => `sim-node-${String(i % NODES).padStart(3, '0')}`;
export const zoneName = (i: number): string => `sim-zone-${(i % NODES) % ZONES}`;
/** 10.200.0.0/15, which leads nowhere */
export const podIp = (i: number): string => `10.${200 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`;
export const workloadName = (i: number): string => `app-${String(i).padStart(4, '0')}`;

export const namespaceObject = (name: string): Thing => ({ metadata: { name } });
export const accountObject = (name: string, namespace: string): Thing => ({ metadata: { name, namespace } });
export const nodeObject = (i: number): Thing => ({ metadata: { name: nodeName(i), labels: { 'topology.kubernetes.io/zone': zoneName(i) } } });

export function deploymentObject(name: string, namespace: string, pattern: Pattern, replicas: number): Thing {
  const labels = { app: name };
  const containers = pattern.spec.containers.filter((c) => !c.name.startsWith('mesh-'));
  return { metadata: { name, namespace, labels }, spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { ...bare(pattern.spec), containers, serviceAccountName: name } } } };
}

/** As the Deployment controller would make it. */
export function replicaSetObject(deployment: KubeObject, replicas: number): Thing {
  const { name, namespace, uid } = deployment.metadata;
  const labels = { app: name, 'pod-template-hash': HASH };
  const { template } = (deployment as Thing)['spec'] as { template: { spec: unknown } };
  return {
    metadata: { name: `${name}-${HASH}`, namespace: namespace!, labels, ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name, uid: uid!, controller: true }] },
    spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: template.spec } },
  };
}

const HASH = '5d4f8c7b9';

export interface PodPlace { name: string; namespace: string; app: string; ip: string; index: number; owner?: KubeObject }

export function podObject({ name, namespace, app, index, owner }: PodPlace, pattern: Pattern): Thing {
  const labels = { ...pattern.labels, app, 'pod-template-hash': HASH, [`${LABELS.ownerPrefix}deployment`]: app, [LABELS.workloadNs]: namespace };
  return {
    metadata: {
      name, namespace, labels, annotations: pattern.annotations,
      ...(owner && { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: owner.metadata.name, uid: owner.metadata.uid!, controller: true }] }),
    },
    spec: { ...pattern.spec, serviceAccountName: app, nodeName: nodeName(index) },
  };
}

/** For the status subresource: running and ready. */
export function podStatus({ ip, index }: PodPlace, pattern: Pattern, now: string): object {
  const containerStatuses = pattern.spec.containers.map(({ name, image }: Container) => ({
    name, image, imageID: image, ready: true, started: true, restartCount: 0, containerID: `containerd://${name}-${index}`, state: { running: { startedAt: now } },
  }));
  const conditions = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({ type, status: 'True', lastTransitionTime: now }));
  return { status: { phase: 'Running', podIP: ip, podIPs: [{ ip }], hostIP: '172.30.0.1', hostIPs: [{ ip: '172.30.0.1' }], startTime: now, conditions, containerStatuses } };
}

/** Without a selector: its EndpointSlices are written here. */
export const serviceObject = (name: string, namespace: string): Thing =>
  ({ metadata: { name, namespace, labels: { ...NOT_FOR_KUBE_PROXY } }, spec: { ports: [{ name: 'http', port: 80, targetPort: PORT, protocol: 'TCP' }] } });

export function sliceObject(name: string, service: string, namespace: string, pods: PodPlace[]): Thing {
  return {
    metadata: { name, namespace, labels: { 'kubernetes.io/service-name': service, 'endpointslice.kubernetes.io/managed-by': 'bench', ...NOT_FOR_KUBE_PROXY } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: PORT, protocol: 'TCP' }],
    endpoints: pods.map((pod) => ({
      addresses: [pod.ip], conditions: { ready: true, serving: true, terminating: false }, nodeName: nodeName(pod.index), zone: zoneName(pod.index),
      targetRef: { kind: 'Pod', name: pod.name, namespace: pod.namespace },
    })),
  };
}

/** A pod's spec without what belongs to one pod. */
function bare(spec: Pattern['spec']): Record<string, unknown> {
  const { nodeName: _node, initContainers: _init, volumes: _volumes, containers, ...rest } = spec;
  return { ...rest, containers: containers.map(({ volumeMounts: _mounts, ...container }) => container) };
}
