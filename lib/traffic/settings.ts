import type { ObjectMeta } from '../kube/types.ts';
import type { Reference } from '../authz/model.ts';
import type { Breaker, Fault, Penalty, SessionAffinity, Timeouts } from './model.ts';
import { readAffinity } from './affinity.ts';
import { readBreaker } from './breaker.ts';
import { readFailover } from './failover.ts';
import type { ServicePortRef } from './failover.ts';
import { readFault } from './fault.ts';
import { readPenalty } from './penalty.ts';
import { Reader } from './read.ts';
import type { LastGood, SettingProblem } from './read.ts';
import { readRetry, readTimeouts } from './retry.ts';
import type { RetrySettings } from './retry.ts';

/** What the traffic annotations of a Service or a route ask for. */
export interface TrafficSettings {
  retry: RetrySettings;
  timeouts: Timeouts;
  /** of a Service; undefined when it is switched off */
  breaker: Breaker | undefined;
  /** where traffic goes when the service has no available endpoint, in this order */
  failover: ServicePortRef[];
  affinity: SessionAffinity | undefined;
  slowStartMs: number | undefined;
  penalty: Penalty | undefined;
  fault: Fault | undefined;
  problems: SettingProblem[];
}

/** `reference` names the object in metrics of its faults. */
export function readSettings(metadata: ObjectMeta, reference: Reference, lastGood?: LastGood): TrafficSettings {
  const reader = new Reader(metadata, lastGood);
  return {
    retry: readRetry(reader),
    timeouts: readTimeouts(reader),
    breaker: readBreaker(reader),
    failover: readFailover(reader, metadata.namespace ?? ''),
    affinity: readAffinity(reader),
    slowStartMs: reader.duration('slow-start', { positive: true }),
    penalty: readPenalty(reader),
    fault: readFault(reader, reference),
    problems: reader.problems,
  };
}
