import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ExponentialBackoffSchema, FailureAccrualSchema, GrpcRoute_RetrySchema, HttpRoute_RetrySchema } from '../../../../api/gen/outbound_pb.js';
import type { TimeoutsSchema } from '../../../../api/gen/http_route_pb.js';
import { duration } from '../../wire.ts';
import type { Backoff, Breaker, Retry, Timeouts } from '../model.ts';

/** Bodies above this are sent once: the proxy would have to hold them. Linkerd's value. */
const MAX_REQUEST_BYTES = 65_536;

export function httpRetry(retry: Retry): MessageInitShape<typeof HttpRoute_RetrySchema> {
  return {
    ...common(retry),
    methods: retry.methods,
    conditions: { statusRanges: retry.statuses.map(({ from, to }) => ({ start: from, end: to })), noResponse: true },
  };
}

export function grpcRetry(retry: Retry): MessageInitShape<typeof GrpcRoute_RetrySchema> {
  const has = (code: Retry['codes'][number]) => retry.codes.includes(code);
  return {
    ...common(retry),
    conditions: {
      cancelled: has('cancelled'), deadineExceeded: has('deadline-exceeded'), internal: has('internal'), resourceExhausted: has('resource-exhausted'), unavailable: has('unavailable'),
      noResponse: true,
    },
  };
}

function common({ limit, timeoutMs, backoff, budget }: Retry) {
  return {
    maxRetries: limit,
    maxRequestBytes: MAX_REQUEST_BYTES,
    backoff: backoffMessage(backoff),
    ...(timeoutMs !== undefined && { timeout: duration(timeoutMs) }),
    ...(budget && { budget: { ratio: budget.ratio, minPerSecond: budget.minPerSecond, window: duration(budget.windowMs) } }),
  };
}

/** The member `timeouts` of a rule, if there are any. */
export function timeouts({ requestMs, responseMs, idleMs }: Timeouts): { timeouts?: MessageInitShape<typeof TimeoutsSchema> } {
  if (requestMs === undefined && responseMs === undefined && idleMs === undefined) return {};
  const timeouts = {
    ...(requestMs !== undefined && { request: duration(requestMs) }),
    ...(responseMs !== undefined && { response: duration(responseMs) }),
    ...(idleMs !== undefined && { idle: duration(idleMs) }),
  };
  return { timeouts };
}

export function failureAccrual({ maxConsecutive, successRate, backoff, minEndpoints }: Breaker): MessageInitShape<typeof FailureAccrualSchema> {
  const pause = backoffMessage(backoff);
  return {
    kind: successRate === undefined
      ? { case: 'consecutiveFailures', value: { maxFailures: maxConsecutive, backoff: pause } }
      : {
        case: 'unified',
        value: {
          successRateThreshold: successRate.threshold, decay: duration(successRate.windowMs), minRequests: successRate.minRequests,
          maxConsecutiveFailures: maxConsecutive, backoff: pause,
        },
      },
    ejection: { minReadyEndpoints: minEndpoints },
  };
}

function backoffMessage({ minMs, maxMs, jitter, respectRetryAfter }: Backoff): MessageInitShape<typeof ExponentialBackoffSchema> {
  return { minBackoff: duration(minMs), maxBackoff: duration(maxMs), jitterRatio: jitter, respectRetryAfterHint: respectRetryAfter };
}
