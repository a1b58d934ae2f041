/**
 * The last form of each AuthorizationPolicy that can be followed: one that is broken by an edit does not open or close anything. The policy's status
 * has it too, so that no restart changes that.
 */
import type { AuthorizationPolicy } from '../../../api/crds/authorization-policy.ts';
import type { MeshConfig } from '../../../api/config.ts';
import { authorizationProblem, authorizationsOf, lastGoodForm } from '../../../lib/authz/authorizations.ts';
import type { FollowedPolicies } from '../../../lib/authz/compile.ts';

export interface LastGood extends FollowedPolicies {
  /** why this very form of the policy cannot be followed; undefined when it can */
  problem(policy: AuthorizationPolicy): string | undefined;
}

/** As many broken policies as are remembered in their good form; older ones are forgotten first. */
const REMEMBERED = 4096;

export function lastGood(config: Pick<MeshConfig, 'trustDomain' | 'controlNamespace'>): LastGood {
  const good = new Map<string, AuthorizationPolicy>();

  /** objects are replaced, never changed: what was found out of one holds */
  const checked = new WeakMap<AuthorizationPolicy, { problem: string | undefined }>();

  function problem(policy: AuthorizationPolicy): string | undefined {
    const known = checked.get(policy);
    if (known) return known.problem;
    const found = authorizationProblem(policy, config);
    checked.set(policy, { problem: found });
    return found;
  }

  /** By this process's memory or the status, whichever is newer. */
  function before(policy: AuthorizationPolicy, key: string): AuthorizationPolicy | undefined {
    const [held, written] = [good.get(key), lastGoodForm(policy, config)];
    return written && (written.metadata.generation ?? 0) > (held?.metadata.generation ?? -1) ? written : held;
  }

  return {
    problem,
    of(policy) {
      const key = policy.metadata.uid ?? `${policy.metadata.namespace}/${policy.metadata.name}`;
      if (problem(policy) !== undefined) return before(policy, key);
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
