/** AuthorizationPolicies as inbound policy sees them, beside the rest of the cluster. */
import type { AuthorizationPolicy } from '../../../api/crds/authorization-policy.ts';
import type { Clock } from '../../../lib/clock.ts';
import type { KubeClient } from '../../../lib/kube/client.ts';
import { RESOURCES } from '../../../lib/kube/resources.ts';
import type { WatchLog } from '../../../lib/kube/watch.ts';
import type { Changes } from '../../cluster/live.ts';
import { optionalWatch } from '../../cluster/optional-watch.ts';
import { trackedPolicyView } from '../../cluster/route-view.ts';
import type { PolicyView } from '../../cluster/route-view.ts';
import { watchServed } from '../../cluster/served.ts';

export interface AuthorizationView {
  /** those of a namespace, by name */
  authorizationPolicies(namespace: string): AuthorizationPolicy[];
}

export type InboundView = PolicyView & AuthorizationView;

export const policiesToken = (namespace: string): string => `authorization-policies ${namespace}`;

export interface AuthorizationPolicies extends AuthorizationView {
  readonly synced: Promise<void>;
  problem(): string | null;
  onChange(listener: (token: string) => void): () => void;
  get(key: string): AuthorizationPolicy | undefined;
  all(): Iterable<AuthorizationPolicy>;
  stop(): Promise<void>;
}

/** Empty in a cluster without the kind. */
export function watchAuthorizationPolicies({ client, log, clock }: { client: KubeClient; log: WatchLog; clock: Clock }): AuthorizationPolicies {
  const listeners = new Set<(token: string) => void>();
  const served = watchServed({ client, groups: [RESOURCES.authorizationpolicies.group], clock, log });
  const policies = optionalWatch<AuthorizationPolicy>({
    client, log, clock, served, forms: [RESOURCES.authorizationpolicies],
    indexes: { namespace: (policy) => [policy.metadata.namespace ?? ''] },
    changed: (now, old) => {
      // A status that is written changes no decision.
      if (now && old && now.metadata.generation === old.metadata.generation && now.metadata.generation !== undefined) return;
      for (const listener of listeners) listener(policiesToken((now ?? old)!.metadata.namespace ?? ''));
    },
  });
  return {
    authorizationPolicies: (namespace) => policies.store.by('namespace', namespace).sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1)),
    synced: policies.synced,
    problem: () => {
      const problem = policies.problem();
      return problem === null ? null : `authorizationpolicies ${problem}`;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    get: (key) => policies.store.get(key),
    all: () => policies.store.values(),
    async stop() {
      listeners.clear();
      await served.stop();
      await policies.stop();
    },
  };
}

/** What inbound policies are computed from, as one source of truth. */
export function inboundChanges(changes: Changes<PolicyView>, policies: AuthorizationPolicies): Changes<InboundView> {
  const own: AuthorizationView = { authorizationPolicies: (namespace) => policies.authorizationPolicies(namespace) };
  return {
    view: { ...changes.view, ...own },
    tracked: (note) => ({
      ...trackedPolicyView(changes.view, note),
      authorizationPolicies(namespace) {
        note(policiesToken(namespace));
        return own.authorizationPolicies(namespace);
      },
    }),
    synced: Promise.all([changes.synced, policies.synced]).then(() => undefined),
    onChange(listener) {
      const stops = [changes.onChange(listener), policies.onChange(listener)];
      return () => {
        for (const stop of stops) stop();
      };
    },
  };
}
