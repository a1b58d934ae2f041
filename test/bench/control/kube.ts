/** The API server as the bench uses it: many calls side by side, as an administrator. */
import { createKubeClient, type KubeClient } from '../../../lib/kube/client.ts';
import { kubeconfig } from '../../../lib/kube/kubeconfig.ts';
import { RESOURCES } from '../../../lib/kube/resources.ts';
import type { KubeObject } from '../../../lib/kube/types.ts';
import { TOKEN_AUDIENCE } from '../../../api/names.ts';
import { podObject, podStatus, type Pattern, type PodPlace } from './objects.ts';

const AT_ONCE = 32;

export const adminClient = async (path: string): Promise<KubeClient> => createKubeClient({ connection: await kubeconfig({ path }), name: 'kubectl-mesh-bench' });

/** Does something for each, some of them side by side. */
export async function forEach<T>(items: readonly T[], work: (item: T, index: number) => Promise<unknown>, atOnce = AT_ONCE): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      await work(items[index]!, index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, lane));
}

/** A pod that is running and ready, as its kubelet would tell. */
export async function createPod(kube: KubeClient, place: PodPlace, pattern: Pattern): Promise<void> {
  await kube.create<KubeObject>(RESOURCES.pods, podObject(place, pattern));
  await kube.patch(RESOURCES.pods, place.name, place.namespace, { type: 'merge', body: podStatus(place, pattern, new Date().toISOString()) }, { subresource: 'status' });
}

/** At once: there is no kubelet to wait for. */
export const deletePod = (kube: KubeClient, { name, namespace }: PodPlace): Promise<unknown> =>
  kube.json({ method: 'DELETE', path: `/api/v1/namespaces/${namespace}/pods/${name}`, query: { gracePeriodSeconds: 0 }, what: `delete pods ${namespace}/${name}` });

/** A token as the kubelet gets one for a proxy. */
export async function tokenFor(kube: KubeClient, name: string, namespace: string): Promise<string> {
  const { status } = await kube.json<{ status: { token: string } }>({
    method: 'POST', path: `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`, what: 'create token',
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences: [TOKEN_AUDIENCE], expirationSeconds: 3600 } },
  });
  return status.token;
}
