/** The client of the request that is asked about. */
import { identityName } from '../../api/names.ts';
import type { Peer } from '../../lib/authz/judge.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import type { Pod } from '../../lib/kube/types.ts';
import { KINDS } from '../shared/kinds.ts';
import { CliError } from '../shared/errors.ts';
import { injectedPods } from '../shared/workloads.ts';
import type { Asked } from './options.ts';
import type { World } from './world.ts';

/** `assumed`: nobody gave the address; it is that of some pod. */
export type Client = Peer & { assumed: boolean };

export async function clientOf(kube: KubeClient, { from, ip }: Asked, world: World, namespace: string, signal: AbortSignal): Promise<Client> {
  const { trustDomain, controlNamespace } = world.config;
  const identity = from.kind === 'identity' ? from.identity : from.kind === 'account' ? identityName(from.name, from.namespace ?? namespace, trustDomain, controlNamespace) : '';
  const known = { tls: identity !== '', identity };
  if (ip !== undefined) return { ...known, ip, assumed: false };
  const own = from.kind === 'account' ? await podsOf(kube, from.name, from.namespace ?? namespace, signal) : [];
  const assumed = [...own, ...world.pods].map(addressOf).find((address) => address !== undefined);
  if (assumed === undefined) throw new CliError('Say where the client is with --from-ip: no pod has an address yet that could stand for it.');
  return { ...known, ip: assumed, assumed: true };
}

/** Meshed pods that run as a ServiceAccount. Throws CliError when there is no such account: nobody can have its identity. */
async function podsOf(kube: KubeClient, name: string, namespace: string, signal: AbortSignal): Promise<Pod[]> {
  await kube.get(KINDS.serviceaccounts, name, namespace, signal);
  const pods = await injectedPods(kube, { namespace, signal });
  return pods.filter((pod) => (pod.spec.serviceAccountName ?? 'default') === name);
}

const addressOf = (pod: Pod): string | undefined => pod.status?.podIP ?? pod.status?.podIPs?.[0]?.ip;
