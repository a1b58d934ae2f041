import type { GrpcMatch } from '../../../lib/mesh/route-matches.ts';
import type { Breaker, Fault, Fraction, Penalty, Retry, SessionAffinity, Timeouts } from '../../../lib/traffic/model.ts';
import type { Reference, RequestMatch } from '../model.ts';

export type { GrpcMatch };
export { GRPC_RETRY_CODES } from '../../../lib/traffic/model.ts';
export type { Backoff, Breaker, Delay, Fault, Fraction, GrpcRetryCode, Penalty, Retry, RetryBudget, SessionAffinity, StatusRange, Timeouts } from '../../../lib/traffic/model.ts';

/**
 * What clients are to do with one port of a service, before it becomes a message. Durations are milliseconds, names of headers are in lower
 * case, nothing is changed once made.
 */

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
  | { kind: 'weighted'; backends: (RouteBackend & { /** take its share while it has nobody, in this order */ failover: RouteBackend[] })[] };

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
