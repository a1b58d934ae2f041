import type { Service } from '../../../lib/kube/types.ts';
import { failoverProblems } from '../../../lib/traffic/failover-chain.ts';
import { settingsOf } from '../routes/context.ts';
import type { Sources } from '../routes/context.ts';
import { failoverView } from '../routes/failover.ts';

/** What of a service's traffic annotations is not followed, in sentences. */
export function serviceProblems(service: Service, sources: Sources): string[] {
  return [...settingsOf(service, sources).problems, ...failoverProblems(service, failoverView(sources))].map((problem) => problem.message);
}
