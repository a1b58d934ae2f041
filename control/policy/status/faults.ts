import type { HttpFault } from '../../../api/crds/http-fault.ts';
import type { Condition } from '../../../lib/kube/types.ts';
import { faultOf } from '../../../lib/traffic/http-fault.ts';

/** What of an HTTPFault cannot be followed, in sentences. */
export function faultProblems(fault: HttpFault): string[] {
  return faultOf(fault).problems.map(({ field, message }) => `${field}: ${message}`);
}

/**
 * status.conditions of an HTTPFault as they should be, undefined when they are.
 *
 * @param now RFC 3339
 */
export function faultConditions(fault: HttpFault, now: string): (Condition & { observedGeneration: number })[] | undefined {
  const problems = faultProblems(fault);
  const old = fault.status?.conditions?.find((one) => one.type === 'Accepted');
  const status = problems.length === 0 ? 'True' : 'False';
  const reason = problems.length === 0 ? 'Accepted' : 'Invalid';
  const message = problems.join('; ');
  const observedGeneration = fault.metadata.generation ?? 0;
  if (old?.status === status && old.reason === reason && old.message === message && old.observedGeneration === observedGeneration) return undefined;
  return [{ type: 'Accepted', status, reason, message, observedGeneration, lastTransitionTime: old?.status === status ? (old.lastTransitionTime ?? now) : now }];
}
