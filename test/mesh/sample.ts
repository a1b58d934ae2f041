/** The sample application in the cluster, and the annotation that meshes it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { INJECT } from '../../api/annotations.ts';
import { imageRef } from '../../api/version.ts';
import { MeshError } from './errors.ts';
import { namespaceExists } from './install.ts';
import type { Kube } from './kube.ts';

export const SAMPLE_NAMESPACE = 'bookshop';
export const DEPLOYMENTS = ['web', 'books', 'reviews', 'quotes', 'flaky', 'load'] as const;
const TIMEOUT = '180s';

interface Deployment { spec: { template: { spec: { containers: { image: string }[] } } } }

/** Whether the sample is there. Throws MeshError if the namespace holds something else. */
export async function sampleExists(kube: Kube): Promise<boolean> {
  if (!(await namespaceExists(kube, SAMPLE_NAMESPACE))) return false;
  const { items } = await kube.json<{ items: Deployment[] }>('list Deployments', ['get', 'deploy', '-n', SAMPLE_NAMESPACE]);
  const foreign = items.some((d) => d.spec.template.spec.containers.every((c) => !/\/sample:[^/]+$/.test(c.image)));
  if (!foreign) return true;
  throw new MeshError(`The cluster has a namespace ${SAMPLE_NAMESPACE} already, with Deployments that are not of the sample application. They stay untouched: delete or rename that namespace, or use another cluster.`);
}

/** The manifests of the checkout, with its images from `registry`. */
export async function sampleManifests(root: string, registry?: string): Promise<string> {
  const text = await readFile(join(root, 'test', 'sample', 'manifests.yaml'), 'utf8');
  return registry === undefined ? text : text.replaceAll(imageRef('sample'), imageRef('sample', registry));
}

export async function applySample(kube: Kube, manifests: string): Promise<void> {
  await kube.must('deploy the sample application', ['apply', '-f', '-'], { input: manifests });
}

/** Waits until every Deployment runs as its template says. Throws MeshError with what its pods say. */
export async function awaitRollouts(kube: Kube, names: readonly string[] = DEPLOYMENTS, namespace: string = SAMPLE_NAMESPACE): Promise<void> {
  for (const name of names) {
    const { code, stderr } = await kube.kubectl(['rollout', 'status', `deploy/${name}`, '-n', namespace, `--timeout=${TIMEOUT}`]);
    if (code !== 0) throw new MeshError(`Deployment ${name} did not get ready in ${TIMEOUT} (${stderr.trim()}). ${await whyNot(kube, namespace)}`);
  }
}

interface Pod {
  metadata: { name: string };
  status: { containerStatuses?: Status[]; initContainerStatuses?: Status[]; conditions?: { type: string; status: string; message?: string }[] };
}
interface Status { name: string; ready: boolean; state: { waiting?: { reason?: string; message?: string }; terminated?: { reason?: string; exitCode: number } } }

/** What keeps the pods of a namespace from being ready, in one sentence. */
async function whyNot(kube: Kube, namespace: string): Promise<string> {
  const { items } = await kube.json<{ items: Pod[] }>('list pods', ['get', 'pods', '-n', namespace]);
  const reasons = items.flatMap(({ metadata, status }) => {
    const containers = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
    const waiting = containers.flatMap(({ name, state }) => (state.waiting?.reason === undefined || state.waiting.reason === 'PodInitializing' ? [] : [`${name} ${state.waiting.reason} ${state.waiting.message ?? ''}`.trim()]));
    const unscheduled = status.conditions?.find((c) => c.type === 'PodScheduled' && c.status === 'False')?.message;
    return [...waiting, ...(unscheduled === undefined ? [] : [unscheduled])].map((why) => `${metadata.name}: ${why}`);
  });
  return `${reasons.length === 0 ? 'No pod says why.' : `Its pods say: ${reasons.join('; ')}.`} Run the command again with --keep, then look at it with: kubectl describe pods -n ${namespace}`;
}

/** As a person types it: the annotation on the Deployments themselves. */
export const ANNOTATE = ['annotate', 'deploy', '--all', `${INJECT}=enabled`, '-n', SAMPLE_NAMESPACE];

export async function annotateAll(kube: Kube): Promise<void> {
  await kube.must('annotate the Deployments', ANNOTATE);
}

export async function restartSample(kube: Kube): Promise<void> {
  await kube.must('restart the sample application', ['rollout', 'restart', 'deploy', '-n', SAMPLE_NAMESPACE]);
}

export async function removeSample(kube: Kube): Promise<void> {
  await kube.must('delete the sample application', ['delete', 'namespace', SAMPLE_NAMESPACE, '--ignore-not-found', `--timeout=${TIMEOUT}`]);
}
