/** The outbound policy of one destination as plain data (outbound.proto), checked and ready to build request stacks from. */
import type { EndpointInfo } from '../../balance/endpoint.ts';
import type { Backoff } from '../../layers/backoff.ts';
import type { HeaderChange } from '../../layers/headers.ts';
import type { Entry } from '../route-table.ts';
import type { Matcher } from '../route-match.ts';

/** The object that a part of the policy came from; what it ends up as in metric labels. */
export interface Meta { group: string; kind: string; namespace: string; name: string; port: string; section: string }

export interface OutboundModel {
  protocol: 'detect' | 'opaque' | 'http1' | 'http2' | 'tls';
  parent: Meta;
  http1: HttpRoutes;
  /** the same object as http1 when the two are alike */
  http2: HttpRoutes;
  opaque: TcpRoute[];
  tls: TcpRoute[];
}

export interface HttpRoutes {
  /** every match of every rule of every route; most specific first */
  entries: Entry<HttpRule>[];
}

export interface HttpRule {
  route: Meta;
  /** of a GrpcRoute: outbound_grpc_route_* metrics */
  grpc: boolean;
  /** stable across updates as long as the route and the place of the rule in it are */
  key: string;
  filters: Filter[];
  distribution: Distribution<HttpBackend>;
  timeouts: TimeoutPolicy;
  retry: RetryPolicy | null;
  /** l5d-retry-* and l5d-timeout request headers count */
  headers: boolean;
}

/** Each in milliseconds, 0 for none. */
export interface TimeoutPolicy { requestMs: number; responseMs: number; idleMs: number }

export interface RetryPolicy {
  maxRetries: number;
  maxRequestBytes: number;
  /** to the response head of one try, milliseconds; 0 for none */
  perTryMs: number;
  backoff: Backoff;
  conditions: RetryConditions;
  /** requests of other methods are sent once; null for every method */
  methods: ReadonlySet<string> | null;
  budget: { ratio: number; minPerSecond: number; windowMs: number } | null;
}

export interface RetryConditions {
  /** HTTP status ranges, both ends included */
  statuses: readonly (readonly [number, number])[];
  /** gRPC statuses */
  grpc: readonly number[];
  noResponse: boolean;
}

export type Distribution<B> =
  | { kind: 'empty' }
  /** in order of preference */
  | { kind: 'first'; backends: B[] }
  /** `failover`: takes the share of `backend` while that has nobody, in order of preference */
  | { kind: 'random'; backends: { backend: B; failover: B[]; weight: number }[] };

/** Endpoints discovered by a path, or one fixed endpoint. */
export type BackendRef = { kind: 'discover'; path: string } | { kind: 'forward'; endpoint: EndpointInfo };

export interface Backend {
  meta: Meta;
  /** null: the reference is not valid, and traffic for it fails */
  ref: BackendRef | null;
  balance: BalancePolicy;
}
export interface HttpBackend extends Backend { filters: Filter[] }
export interface TcpBackend extends Backend { filters: TcpFilter[] }

export interface BalancePolicy {
  /** requests that may wait for an endpoint; null for the proxy's own figures */
  queue: { capacity: number; failFastMs: number } | null;
  ewma: { defaultRttMs: number; decayMs: number } | null;
  penalty: { penaltyMs: number; maxRetryAfterMs: number; decayMs: number } | null;
  /** 0: a new endpoint gets its full share at once */
  slowStartMs: number;
  affinity: { header: string } | { cookie: string; path: string; ttlMs: number } | null;
  accrual: AccrualPolicy | null;
}

export interface AccrualPolicy {
  /** 0: not judged by failures in a row */
  maxFailures: number;
  /** 0: not judged by its success rate */
  successRate: number;
  decayMs: number;
  minRequests: number;
  backoff: Backoff;
  /** endpoints that stay whatever happens */
  minReady: number;
}

export type Filter =
  | { kind: 'request-headers'; change: HeaderChange }
  | { kind: 'response-headers'; change: HeaderChange }
  | { kind: 'redirect'; scheme: string; host: string; port: number; status: number; path: PathChange | null }
  | { kind: 'rewrite'; host: string; path: PathChange | null }
  | { kind: 'mirror'; backend: Backend; share: number }
  | { kind: 'fail'; answer: Answer; share: number }
  | Fault & { kind: 'fault' };

export type PathChange = { full: string } | { prefix: string };

/** What a request that is failed on purpose gets: one of the two statuses is -1. */
export interface Answer { http: number; grpc: number; message: string }

export interface Fault {
  meta: Meta;
  /** empty: every request */
  matches: Matcher[];
  delay: { share: number; ms: (random: () => number) => number } | null;
  abort: { share: number; answer: Answer } | null;
  /** milliseconds since the epoch from which it does nothing; Infinity for no end */
  until: number;
}

export type TcpFilter = { kind: 'forbidden' } | { kind: 'invalid'; message: string };

export interface TcpRoute {
  route: Meta;
  /** server names; none is any */
  snis: HostMatch[];
  filters: TcpFilter[];
  distribution: Distribution<TcpBackend>;
}

/** A host name, or with `suffix` everything below it. Lower case. */
export interface HostMatch { name: string; suffix: boolean }

/** A policy that cannot be followed; the last good one stays in force. */
export class PolicyError extends Error {}
