/** A thousand workloads as objects in the API server, and the one Service that everybody watches. */
import type { KubeObject, Pod } from '../../../lib/kube/types.ts';
import { RESOURCES } from '../../../lib/kube/resources.ts';
import { createPod, forEach } from './kube.ts';
import {
  accountObject, deploymentObject, namespaceName, namespaceObject, NAMESPACES, nodeObject, NODES, podIp, replicaSetObject, serviceObject, SLICE_SIZE, sliceObject, workloadName,
  type Pattern, type PodPlace,
} from './objects.ts';
import { SAMPLE_NAMESPACE } from '../../mesh/sample.ts';
import { INJECT, INJECT_ALIAS } from '../../../api/annotations.ts';
import { BenchError } from '../children.ts';
import { componentOf } from './processes.ts';
import { CLUSTER, type World } from './world.ts';

/** An injected pod of the sample application, as a pattern for others. */
export async function patternOf({ api }: Pick<World, 'api'>): Promise<Pattern> {
  const pods = await api.list<Pod>(RESOURCES.pods, { namespace: SAMPLE_NAMESPACE, labelSelector: 'app=web' });
  const pod = pods.find(({ metadata }) => metadata.deletionTimestamp === undefined);
  if (pod === undefined) throw new BenchError('the sample application has no pod of web');
  const { nodeName: _node, ...spec } = pod.spec;
  // Without the annotation that asks for injection: the pods come injected.
  const annotations = Object.fromEntries(Object.entries(pod.metadata.annotations ?? {}).filter(([key]) => key !== INJECT && key !== INJECT_ALIAS));
  return { spec, labels: pod.metadata.labels ?? {}, annotations };
}

/**
 * From here on kube-controller-manager stands still, for it would end pods that no kubelet runs, and so does the sample, whose load would take CPU from what is
 * measured. Everything else goes on. Once for all cases.
 */
export async function standStill(world: World): Promise<void> {
  if (world.still) return;
  world.still = true;
  const { run, up: { kube }, api } = world;
  await run.step('Stopping the sample application and the controllers', async () => {
    await kube.must('stop the sample application', ['scale', 'deploy', '--all', '--replicas=0', '-n', SAMPLE_NAMESPACE]);
    // Nobody waits for connections that their proxies would let finish.
    await kube.must('end the pods of the sample application', ['delete', 'pods', '--all', '--force', '--grace-period=0', '--wait=false', '-n', SAMPLE_NAMESPACE]);
    process.kill(componentOf(CLUSTER, 'kube-controller-manager'), 'SIGSTOP');
    await forEach(Array.from({ length: NODES }, (_, i) => nodeObject(i)), (node) => api.apply<KubeObject>(RESOURCES.nodes, node));
  });
}

/** `endpoints` pods of `workloads` Deployments, spread over namespaces, nodes and zones. */
export async function simulate(world: World): Promise<PodPlace[][]> {
  const { api, pattern, options: { workloads, endpoints } } = world;
  const share = (i: number): number => Math.floor(((i + 1) * endpoints) / workloads) - Math.floor((i * endpoints) / workloads);
  await forEach(Array.from({ length: Math.min(NAMESPACES, workloads) }, (_, i) => namespaceObject(namespaceName(i))), (namespace) => api.apply<KubeObject>(RESOURCES.namespaces, namespace));
  let next = 0;
  const places = Array.from({ length: workloads }, (_, i): PodPlace[] => {
    const app = workloadName(i);
    return Array.from({ length: share(i) }, () => ({ name: `${app}-${next}`, namespace: namespaceName(i), app, ip: podIp(next), index: next++ }));
  });
  let done = 0;
  const progress = setInterval(() => world.run.log(`  ${done} of ${workloads} workloads`), 10_000);
  try {
    await forEach(places, async (pods, i) => {
      await workload(world, workloadName(i), namespaceName(i), pods);
      done++;
    });
  } finally {
    clearInterval(progress);
  }
  world.run.log(`  ${workloads} workloads with ${endpoints} endpoints; the API server keeps ${pattern.spec.containers.length + (pattern.spec.initContainers?.length ?? 0)} containers of each pod`);
  return places;
}

async function workload({ api, pattern }: World, name: string, namespace: string, pods: PodPlace[]): Promise<void> {
  await api.create<KubeObject>(RESOURCES.serviceaccounts, accountObject(name, namespace));
  const deployment = await api.create<KubeObject>(RESOURCES.deployments, deploymentObject(name, namespace, pattern, pods.length));
  const owner = await api.create<KubeObject>(RESOURCES.replicasets, replicaSetObject(deployment, pods.length));
  for (const pod of pods) await createPod(api, { ...pod, owner }, pattern);
  await api.create<KubeObject>(RESOURCES.services, serviceObject(name, namespace));
  await api.create<KubeObject>(RESOURCES.endpointslices, sliceObject(name, name, namespace, pods));
}

export const CROWD = 'crowd';
/** The index of its first pod: behind those of all workloads. */
const CROWD_FROM = 65_536;

/** `generation` 0 are the pods that it begins with, 1 those that replace them. */
export const crowdPlace = (i: number, size: number, generation = 0): PodPlace => {
  const index = CROWD_FROM + generation * size + i;
  return { name: `${CROWD}-${generation}-${i}`, namespace: CROWD, app: CROWD, ip: podIp(index), index };
};

/** One Service with many endpoints. */
export async function makeCrowd({ api, pattern, options: { rollout } }: World): Promise<PodPlace[]> {
  const places = Array.from({ length: rollout }, (_, i) => crowdPlace(i, rollout));
  await api.apply<KubeObject>(RESOURCES.namespaces, namespaceObject(CROWD));
  await api.apply<KubeObject>(RESOURCES.serviceaccounts, accountObject(CROWD, CROWD));
  await api.apply<KubeObject>(RESOURCES.services, serviceObject(CROWD, CROWD));
  await forEach(places, (place) => createPod(api, place, pattern));
  await forEach(slicesOf(places), ({ name, pods }) => writeSlice(api, name, pods));
  return places;
}

/** As many EndpointSlices as Kubernetes' controller would make. */
export function slicesOf(places: PodPlace[]): { name: string; pods: PodPlace[] }[] {
  return Array.from({ length: Math.ceil(places.length / SLICE_SIZE) }, (_, i) => ({ name: `${CROWD}-${i}`, pods: places.slice(i * SLICE_SIZE, (i + 1) * SLICE_SIZE) }));
}

export const writeSlice = (api: World['api'], name: string, pods: PodPlace[]): Promise<unknown> =>
  api.apply<KubeObject>(RESOURCES.endpointslices, sliceObject(name, CROWD, CROWD, pods), { force: true });
