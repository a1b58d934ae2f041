import { LABELS } from '../../api/names.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import type { ContainerStatus, Event, Pod, Workload } from '../../lib/kube/types.ts';
import { KINDS, type ApiService, type WebhookConfiguration } from './kinds.ts';

/** Why a Deployment of the control plane is not available: one sentence or two, and whether waiting longer can help. */
export interface Trouble {
  pod: string;
  reason: string;
  text: string;
  /** nothing will change until somebody does something */
  stuck: boolean;
}

const IMAGE_REASONS = new Set(['ErrImagePull', 'ImagePullBackOff', 'ErrImageNeverPull', 'InvalidImageName']);
const CRASHES_BEFORE_STUCK = 4;

/** Whether the newest version of a Deployment is up, and nothing of another. */
export function isAvailable(deployment: Workload | undefined): boolean {
  if (!deployment) return false;
  const { spec, status = {}, metadata } = deployment;
  const { observedGeneration = 0, replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = status;
  // While pods of the version before still run, the available ones may be those.
  return observedGeneration >= (metadata.generation ?? 0) && updatedReplicas >= (spec.replicas ?? 1) && replicas <= updatedReplicas && availableReplicas >= updatedReplicas;
}

/** Every webhook of a configuration names the authority of its serving certificate. */
export function hasBundle(configuration: WebhookConfiguration | undefined): boolean {
  const hooks = configuration?.webhooks ?? [];
  return hooks.length > 0 && hooks.every((hook) => Boolean(hook.clientConfig.caBundle));
}

/** The condition by which the API server says whether an aggregated API answers. */
export function availability(service: ApiService | undefined): { available: boolean; message: string } {
  const condition = service?.status?.conditions?.find((c) => c.type === 'Available');
  return { available: condition?.status === 'True', message: condition?.message ?? 'the API server has not looked at it yet' };
}

/** What keeps a Deployment from being available; undefined while it simply starts. */
export async function troubleOf(kube: KubeClient, deployment: Workload, signal?: AbortSignal): Promise<Trouble | undefined> {
  const namespace = deployment.metadata.namespace!;
  const component = deployment.metadata.labels?.[LABELS.component] ?? '';
  const pods = await kube.list(KINDS.pods, { namespace, labelSelector: `${LABELS.component}=${component}`, signal });
  const pod = pods.filter((p) => !p.metadata.deletionTimestamp).sort(byAge)[0];
  if (!pod) return noPods(deployment);
  return unschedulable(pod) ?? (await containerTrouble(kube, pod, signal)) ?? (await lastWarning(kube, pod, signal));
}

function byAge(a: Pod, b: Pod): number {
  return (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? '');
}

function noPods(deployment: Workload): Trouble | undefined {
  const failure = deployment.status?.conditions?.find((c) => c.type === 'ReplicaFailure' && c.status === 'True');
  if (!failure) return undefined;
  return { pod: deployment.metadata.name, reason: failure.reason ?? 'ReplicaFailure', text: `its pods cannot be created: ${sentence(failure.message)}`, stuck: true };
}

function unschedulable(pod: Pod): Trouble | undefined {
  const scheduled = pod.status?.conditions?.find((c) => c.type === 'PodScheduled');
  if (scheduled?.status !== 'False') return undefined;
  return { pod: pod.metadata.name, reason: 'Unschedulable', text: `no node takes it: ${sentence(scheduled.message)}`, stuck: false };
}

async function containerTrouble(kube: KubeClient, pod: Pod, signal: AbortSignal | undefined): Promise<Trouble | undefined> {
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  for (const status of statuses) {
    const reason = status.state?.waiting?.reason ?? '';
    const message = status.state?.waiting?.message;
    if (IMAGE_REASONS.has(reason)) {
      return {
        pod: pod.metadata.name, reason, stuck: true,
        text: `its image ${status.image ?? ''} cannot be had (${reason}): ${sentence(message)} Push the image to where the nodes pull from and name that `
          + 'place with --registry, or load the image into the nodes.',
      };
    }
    if (reason === 'CrashLoopBackOff' || status.state?.terminated) return crashed(kube, pod, status, signal);
    if (reason !== '' && reason !== 'ContainerCreating' && reason !== 'PodInitializing') {
      return { pod: pod.metadata.name, reason, text: `its container cannot start (${reason}): ${sentence(message)}`, stuck: false };
    }
  }
  return undefined;
}

async function crashed(kube: KubeClient, pod: Pod, status: ContainerStatus, signal: AbortSignal | undefined): Promise<Trouble> {
  const log = await lastLog(kube, pod, status, signal);
  const said = log ? ` Its last words: ${log}` : '';
  return {
    pod: pod.metadata.name,
    reason: 'CrashLoopBackOff',
    text: `it starts and exits again (${status.restartCount ?? 0} restarts).${said}`,
    stuck: (status.restartCount ?? 0) >= CRASHES_BEFORE_STUCK,
  };
}

async function lastLog(kube: KubeClient, pod: Pod, status: ContainerStatus, signal: AbortSignal | undefined): Promise<string> {
  const previous = (status.restartCount ?? 0) > 0 && !status.state?.terminated;
  const path = `/api/v1/namespaces/${pod.metadata.namespace}/pods/${pod.metadata.name}/log`;
  try {
    const answer = await kube.raw({ path, query: { container: status.name, tailLines: 3, previous }, headers: { accept: '*/*' }, signal });
    return answer.body.toString('utf8').trim().split('\n').at(-1) ?? '';
  } catch {
    // The log is gone with the container, or may not be read: the rest of the explanation stands without it.
    return '';
  }
}

async function lastWarning(kube: KubeClient, pod: Pod, signal: AbortSignal | undefined): Promise<Trouble | undefined> {
  const fieldSelector = `involvedObject.name=${pod.metadata.name},type=Warning`;
  const events = await kube.list(KINDS.events, { namespace: pod.metadata.namespace, fieldSelector, signal });
  const last = events.sort((a: Event, b: Event) => (a.lastTimestamp ?? '').localeCompare(b.lastTimestamp ?? '')).at(-1);
  if (!last) return undefined;
  return { pod: pod.metadata.name, reason: last.reason ?? 'Warning', text: `${last.reason}: ${sentence(last.message)}`, stuck: false };
}

function sentence(text: string | undefined): string {
  const trimmed = (text ?? '').trim().replaceAll(/\s+/g, ' ');
  return trimmed === '' || /[.!?]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}
