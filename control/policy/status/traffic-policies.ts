import { parseDuration } from '../../../lib/duration.ts';
import type { BackendTrafficPolicy } from '../../../lib/kube/gateway-api.ts';
import { keyOf } from '../../../lib/kube/store.ts';
import { affinityOf } from '../../../lib/traffic/affinity.ts';
import { serviceTargets } from '../../cluster/routes.ts';
import type { PolicyView } from '../../cluster/route-view.ts';
import type { ParentReport, Verdict } from './conditions.ts';

const FIELDS = ['retryConstraint', 'sessionPersistence'] as const;

/** What an XBackendTrafficPolicy comes to for each Service that it names, by the reasons of GEP-713. */
export function trafficPolicyReports(policy: BackendTrafficPolicy, view: PolicyView): ParentReport[] {
  return serviceTargets(policy).map(({ name, key }) => ({
    parentRef: { group: '', kind: 'Service', namespace: policy.metadata.namespace ?? '', name },
    conditions: [verdict(policy, key, view)],
  }));
}

function verdict(policy: BackendTrafficPolicy, service: string, view: PolicyView): Verdict {
  const no = (reason: string, message: string): Verdict => ({ type: 'Accepted', status: 'False', reason, message });
  if (view.service(service) === undefined) return no('TargetNotFound', `there is no Service ${service}`);
  const invalid = problems(policy);
  if (invalid.length > 0) return no('Invalid', invalid.join('; '));
  const taken = FIELDS.filter((field) => policy.spec[field] !== undefined).flatMap((field) => {
    const first = view.trafficPolicies(service).find(({ spec }) => spec[field] !== undefined);
    return first === undefined || keyOf(first) === keyOf(policy) ? [] : [`${field} of XBackendTrafficPolicy ${keyOf(first)} is older and counts for Service ${service}`];
  });
  return taken.length > 0 ? no('Conflicted', taken.join('; ')) : { type: 'Accepted', status: 'True', reason: 'Accepted', message: '' };
}

/** What of it cannot be used: a duration is taken for its default, a session without a usable name for none. */
function problems({ spec: { retryConstraint, sessionPersistence } }: BackendTrafficPolicy): string[] {
  const found: string[] = [];
  const durations = [['retryConstraint.budget.interval', retryConstraint?.budget?.interval], ['retryConstraint.minRetryRate.interval', retryConstraint?.minRetryRate?.interval]] as const;
  for (const [field, text] of durations) if (text !== undefined && !(parseDuration(text) ?? 0)) found.push(`spec.${field}: "${text}" is no duration above zero`);
  if (sessionPersistence) affinityOf(sessionPersistence, (field, message) => void found.push(`spec.sessionPersistence.${field}: ${message}`));
  return found;
}
