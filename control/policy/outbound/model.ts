import type { GrpcMatch } from '../../../lib/mesh/route-matches.ts';
import type { Reference, RequestMatch } from '../model.ts';

export type { GrpcMatch };

/**
 * What clients are to do with one port of a service, before it becomes a message. Durations are milliseconds, names of headers are in lower
 * case, nothing is changed once made.
 */

/** Share of requests. */
export interface Fraction { numerator: number; denominator: number }

export type SessionAffinity =
  | { kind: 'header'; name: string }
  | { kind: 'cookie'; name: string; path: string; /** absent: until the client closes */ ttlMs?: number };

/** How much slower an endpoint looks after a response that says it has too much to do (429, RESOURCE_EXHAUSTED and the like). */
export interface Penalty { ms: number; /** upper bound for what Retry-After says instead */ maxRetryAfterMs: number }

/** A load-balanced set of endpoints. */
export interface Backend {
  reference: Reference;
  /** path for Destination.Get */
  destination: string;
  affinity?: SessionAffinity;
  slowStartMs?: number;
  penalty?: Penalty;
}

export interface HeaderChanges { add: [name: string, value: string][]; set: [name: string, value: string][]; remove: string[] }
export type PathChange = { kind: 'full' | 'prefix'; value: string };

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

export type Filter =
  | { kind: 'request-headers'; changes: HeaderChanges }
  | { kind: 'response-headers'; changes: HeaderChanges }
  | { kind: 'redirect'; scheme?: string; host?: string; port?: number; path?: PathChange; status: number }
  | { kind: 'rewrite'; host?: string; path?: PathChange }
  | { kind: 'mirror'; backend: Backend; fraction?: Fraction }
  | { kind: 'fault'; fault: Fault }
  /** answers without a backend: 500, or UNAVAILABLE on a gRPC route */
  | { kind: 'fail'; message: string };

export interface RouteBackend { backend: Backend; filters: Filter[]; weight: number }

/** Where a rule sends requests: nowhere, to the first that is available, or spread by weight. */
export type Distribution =
  | { kind: 'none' }
  | { kind: 'first'; backends: RouteBackend[] }
  | { kind: 'weighted'; backends: RouteBackend[] };

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

export interface OutboundRule<M> {
  /** any of them */
  matches: M[];
  filters: Filter[];
  distribution: Distribution;
  timeouts: Timeouts;
  retry?: Retry;
}

export interface OutboundRoute<M> { reference: Reference; rules: OutboundRule<M>[] }
export type HttpRouteModel = OutboundRoute<RequestMatch>;
export type GrpcRouteModel = OutboundRoute<GrpcMatch>;

/** Connections, by the server name they ask for; opaque ones have no name to match. */
export interface StreamRouteModel { reference: Reference; names: string[]; distributions: Distribution[] }

/** When an endpoint is left out of the balancer for a while. */
export interface Breaker {
  maxConsecutive: number;
  /** absent: consecutive failures alone count */
  successRate?: { threshold: number; windowMs: number; minRequests: number };
  backoff: Backoff;
  /** never leave out so many that fewer than this remain */
  minEndpoints: number;
}

/** The routes of one protocol; `detect` has one list for each outcome. */
export type OutboundProtocol =
  | { kind: 'detect'; timeoutMs: number; http: HttpRouteModel[]; opaque: StreamRouteModel[] }
  | { kind: 'http1' | 'http2'; http: HttpRouteModel[] }
  | { kind: 'grpc'; grpc: GrpcRouteModel[] }
  | { kind: 'tls' | 'opaque'; routes: StreamRouteModel[] };

/** One port of one service, as its clients are to treat it. */
export interface OutboundPolicy {
  reference: Reference;
  protocol: OutboundProtocol;
  breaker?: Breaker;
}
