import { ANCHORS_CONFIG_MAP, LABELS, PART_OF } from '../../api/names.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { isNotFound } from '../../lib/kube/error.ts';
import type { KubeObject } from '../../lib/kube/types.ts';
import { CliError } from './errors.ts';
import type { Io } from './io.ts';
import { KINDS, nameOf, resourceOf } from './kinds.ts';
import { inParallel, poll } from './poll.ts';
import type { Progress } from './progress.ts';

type Found = KubeObject & { kind: string };

/**
 * Kinds in the order in which they go. Webhooks and aggregated APIs first, while what answers for them still runs: an aggregated API with nothing
 * behind it holds up the removal of every namespace. Then what runs, so that nothing is created again behind our back.
 */
const ORDER = [
  ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration', 'APIService'],
  ['Deployment'],
  ['PodDisruptionBudget', 'ConfigMap', 'Secret', 'Service', 'Role', 'RoleBinding', 'ServiceAccount', 'ClusterRoleBinding', 'ClusterRole', 'CustomResourceDefinition'],
  ['Namespace'],
];

export interface RemoveOptions {
  timeoutMs: number;
  /** the removal is what follows an interrupted or failed install: it goes on although the signal is aborted */
  clearingUp: boolean;
}

/** Deletes objects, in a safe order, and waits until they are gone. Objects that are gone already are no error. */
export async function remove(io: Io, kube: KubeClient, progress: Progress, objects: readonly Found[], options: RemoveOptions): Promise<void> {
  for (const kinds of ORDER) {
    const batch = objects.filter((o) => kinds.includes(o.kind));
    if (batch.length === 0) continue;
    await progress.step(`Removing ${describe(batch)}`, async (detail) => {
      await inParallel(batch, 4, async (object) => {
        detail(nameOf(object));
        await removeOne(kube, object);
      });
      await gone(io, kube, batch, options, detail);
    });
    if (kinds.includes('Deployment')) await podsGone(io, kube, progress, batch, options);
  }
}

/** Copies of the trust anchors that the control plane put into namespaces other than its own; no manifest lists them. */
export async function anchorCopies(kube: KubeClient, own: string, signal?: AbortSignal): Promise<Found[]> {
  const copies = await kube.list(KINDS.configmaps, { fieldSelector: `metadata.name=${ANCHORS_CONFIG_MAP}`, labelSelector: `${LABELS.partOf}=${PART_OF}`, signal });
  return copies.filter((copy) => copy.metadata.namespace !== own).map((copy) => ({ ...copy, apiVersion: 'v1', kind: 'ConfigMap' }));
}

async function removeOne(kube: KubeClient, object: Found): Promise<void> {
  try {
    await kube.delete(resourceOf(object), object.metadata.name, object.metadata.namespace, { propagationPolicy: 'Background' });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

async function gone(io: Io, kube: KubeClient, objects: readonly Found[], options: RemoveOptions, detail: (text: string) => void): Promise<void> {
  let left: Found[] = [...objects];
  const done = await poll(io, options, async () => {
    const still = await inParallel(left, 4, async (object) => ((await exists(kube, object)) ? [object] : []));
    left = still.flat();
    if (left.length === 0) return true;
    detail(`waiting for ${nameOf(left[0]!)}`);
    return undefined;
  });
  if (done) return;
  const first = left[0]!;
  throw new CliError(`${nameOf(first)} is still there after ${options.timeoutMs / 1000} s.${await reasonOf(kube, first)} `
    + 'Run "kubectl mesh uninstall" again; it goes on where this one stopped.');
}

async function exists(kube: KubeClient, object: Found): Promise<boolean> {
  try {
    await kube.get(resourceOf(object), object.metadata.name, object.metadata.namespace);
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

/** A namespace says in its conditions what holds it up. */
async function reasonOf(kube: KubeClient, object: Found): Promise<string> {
  if (object.kind !== 'Namespace') return '';
  try {
    const live = await kube.get(KINDS.namespaces, object.metadata.name);
    const conditions = (live.status as { conditions?: { status: string; message?: string }[] } | undefined)?.conditions ?? [];
    const said = conditions.filter((c) => c.status === 'True' && c.message).map((c) => c.message);
    return said.length > 0 ? ` Kubernetes says: ${said.join('; ')}.` : '';
  } catch {
    // It went away in between, which is what was wanted.
    return '';
  }
}

/** The control plane would put its copies of the trust anchors back for as long as it runs. */
async function podsGone(io: Io, kube: KubeClient, progress: Progress, deployments: readonly Found[], options: RemoveOptions): Promise<void> {
  const namespaces = [...new Set(deployments.map((d) => d.metadata.namespace!))];
  await progress.step('Waiting for the control plane to stop', async (detail) => {
    await poll(io, options, async () => {
      const pods = await inParallel(namespaces, 2, (namespace) => kube.list(KINDS.pods, { namespace, labelSelector: `${LABELS.partOf}=${PART_OF}` }));
      const left = pods.flat();
      if (left.length === 0) return true;
      detail(`pod ${left[0]!.metadata.name}`);
      return undefined;
    });
  });
}

function describe(batch: readonly Found[]): string {
  const counts = new Map<string, number>();
  for (const { kind } of batch) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts].map(([kind, n]) => (n === 1 ? kind : `${n} × ${kind}`)).join(', ');
}
