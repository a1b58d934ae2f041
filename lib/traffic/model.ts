/** What traffic annotations and HTTPFaults come to, before it becomes a message. Durations are milliseconds, nothing is changed once made. */
import type { Reference, RequestMatch } from '../authz/model.ts';

/** Share of requests. */
export interface Fraction { numerator: number; denominator: number }

export type SessionAffinity =
  | { kind: 'header'; name: string }
  | { kind: 'cookie'; name: string; path: string; /** absent: until the client closes */ ttlMs?: number };

/** How much slower an endpoint looks after a response that says it has too much to do (429, RESOURCE_EXHAUSTED and the like). */
export interface Penalty { ms: number; /** upper bound for what Retry-After says instead */ maxRetryAfterMs: number }

export type Delay =
  | { kind: 'fixed'; ms: number }
  | { kind: 'uniform'; minMs: number; maxMs: number }
  | { kind: 'normal'; meanMs: number; deviationMs: number };

/** Requests fail or wait on purpose; without a fraction, all of them. */
export interface Fault {
  reference: Reference;
  /** requests that it is for, any of these; absent is all */
  matches?: RequestMatch[];
  delay?: Delay & { fraction?: Fraction };
  abort?: { kind: 'http' | 'grpc'; status: number; fraction?: Fraction };
  untilUnixSeconds?: number;
}

export interface Backoff { minMs: number; maxMs: number; /** share of a pause that may be added to it */ jitter: number; respectRetryAfter: boolean }

export interface RetryBudget { ratio: number; minPerSecond: number; windowMs: number }

export interface StatusRange { from: number; to: number }
export const GRPC_RETRY_CODES = ['cancelled', 'deadline-exceeded', 'internal', 'resource-exhausted', 'unavailable'] as const;
export type GrpcRetryCode = (typeof GRPC_RETRY_CODES)[number];

export interface Retry {
  limit: number;
  statuses: StatusRange[];
  codes: GrpcRetryCode[];
  /** of HTTP requests; empty is every method */
  methods: string[];
  /** of one try */
  timeoutMs?: number;
  backoff: Backoff;
  budget?: RetryBudget;
}

export interface Timeouts { requestMs?: number; responseMs?: number; idleMs?: number }

/** When an endpoint is left out of the balancer for a while. */
export interface Breaker {
  maxConsecutive: number;
  /** absent: consecutive failures alone count */
  successRate?: { threshold: number; windowMs: number; minRequests: number };
  backoff: Backoff;
  /** never leave out so many that fewer than this remain */
  minEndpoints: number;
}
