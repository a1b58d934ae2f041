/** The last form of each AuthorizationPolicy that can be followed: one that is broken by an edit does not open or close anything. */
import type { AuthorizationPolicy } from '../../../api/crds/authorization-policy.ts';
import type { MeshConfig } from '../../../api/config.ts';
import type { Authorization, RequestMatch } from '../model.ts';
import { authorizationsOf, PolicyInvalid } from './authorizations.ts';

export interface LastGood {
  /** the policy as it can be followed; undefined for one that never could */
  of(policy: AuthorizationPolicy): AuthorizationPolicy | undefined;
  /** what a policy that `of` gave asks of a port; [] for none */
  authorizations(policy: AuthorizationPolicy, port: number, within: readonly RequestMatch[] | undefined): Authorization[];
  /** why this very form of the policy cannot be followed; undefined when it can */
  problem(policy: AuthorizationPolicy): string | undefined;
}

/** Any port and route will do to find out whether the fields can be followed: none of the checks depends on them but that of paths. */
const ANY_PORT = 0;

/** As many broken policies as are remembered in their good form; older ones are forgotten first. */
const REMEMBERED = 4096;

export function lastGood(config: Pick<MeshConfig, 'trustDomain' | 'controlNamespace'>): LastGood {
  const good = new Map<string, AuthorizationPolicy>();

  /** objects are replaced, never changed: what was found out of one holds */
  const checked = new WeakMap<AuthorizationPolicy, { problem: string | undefined }>();

  function problem(policy: AuthorizationPolicy): string | undefined {
    const known = checked.get(policy);
    if (known) return known.problem;
    const found = check(policy);
    checked.set(policy, { problem: found });
    return found;
  }

  function check(policy: AuthorizationPolicy): string | undefined {
    const kind = policy.spec.target?.kind ?? 'Namespace';
    const within = kind === 'HTTPRoute' || kind === 'GRPCRoute' ? [] : undefined;
    try {
      authorizationsOf(policy, ANY_PORT, within, config);
      return undefined;
    } catch (error) {
      if (error instanceof PolicyInvalid) return error.message;
      throw error;
    }
  }

  return {
    problem,
    of(policy) {
      const key = policy.metadata.uid ?? `${policy.metadata.namespace}/${policy.metadata.name}`;
      if (problem(policy) !== undefined) return good.get(key);
      good.delete(key);
      good.set(key, policy);
      for (const oldest of good.keys()) {
        if (good.size <= REMEMBERED) break;
        good.delete(oldest);
      }
      return policy;
    },
    authorizations: (policy, port, within) => authorizationsOf(policy, port, within, config),
  };
}
