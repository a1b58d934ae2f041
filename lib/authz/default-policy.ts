import type { Authorization, Clients } from './model.ts';

/** Linkerd's names for what a port allows when no resource says anything. */
export const DEFAULT_POLICIES = [
  'all-unauthenticated', 'all-authenticated', 'all-tls-unauthenticated', 'cluster-unauthenticated', 'cluster-authenticated',
  'cluster-tls-unauthenticated', 'deny', 'audit',
] as const;
export type DefaultPolicy = (typeof DEFAULT_POLICIES)[number];

export const ALL_NETWORKS = ['0.0.0.0/0', '::/0'];

export function isDefaultPolicy(text: string): text is DefaultPolicy {
  return (DEFAULT_POLICIES as readonly string[]).includes(text);
}

/** The same policy for a port whose clients have to prove an identity in any case. */
export function requiringIdentity(policy: DefaultPolicy): DefaultPolicy {
  if (policy === 'deny') return policy;
  return policy.startsWith('cluster-') ? 'cluster-authenticated' : 'all-authenticated';
}

const CLIENTS: Record<string, Clients> = {
  unauthenticated: { kind: 'anybody' },
  'tls-unauthenticated': { kind: 'any-tls' },
  authenticated: { kind: 'identities', exact: [], suffixes: [[]] },
};

/** The authorizations of a default policy; `audit` lets everything pass and has it counted. */
export function defaultAuthorizations(policy: DefaultPolicy, clusterNetworks: string[]): Authorization[] {
  if (policy === 'deny') return [];
  const reference = { kind: 'default', name: policy } as const;
  if (policy === 'audit') return [{ reference, networks: ALL_NETWORKS, clients: { kind: 'anybody' }, action: 'audit' }];
  const [scope, ...rest] = policy.split('-');
  return [{ reference, networks: scope === 'all' ? ALL_NETWORKS : clusterNetworks, clients: CLIENTS[rest.join('-')]! }];
}
