import type { Service } from '../../../lib/kube/types.ts';
import { settingsOf } from '../routes/context.ts';
import type { Sources } from '../routes/context.ts';
import { failoverProblems } from '../routes/failover.ts';

/** What of a service's traffic annotations is not followed, in sentences. */
export function serviceProblems(service: Service, sources: Sources): string[] {
  return [...settingsOf(service, sources).problems, ...failoverProblems(service, sources)].map((problem) => problem.message);
}
