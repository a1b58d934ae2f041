import type { Plain } from '../../../lib/grpc/wire.ts';
import type {
  Backend as Message, FailureAccrual, GrpcRoute_Distribution, HttpRoute_Distribution, OpaqueRoute_Distribution, SessionAffinity, TlsRoute_Distribution,
} from '../../../api/gen/outbound_pb.js';
import { endpointOf } from '../../discover/convert.ts';
import { PolicyError, type AccrualPolicy, type Backend, type BalancePolicy, type BackendRef, type Distribution } from './model.ts';
import { backoffOf, metaOf, millisOf } from './wire.ts';

type Any = Plain<HttpRoute_Distribution> | Plain<GrpcRoute_Distribution> | Plain<OpaqueRoute_Distribution> | Plain<TlsRoute_Distribution>;
type RouteBackendOf<D> = D extends { kind: infer K } ? K extends { case: 'firstAvailable'; value: { backends: readonly (infer B)[] } } ? B : never : never;

/** `filters` reads what is particular to one kind of route. */
export function compileDistribution<D extends Any, F>(d: D | undefined, accrual: AccrualPolicy | null, filters: (b: RouteBackendOf<D>) => F): Distribution<Backend & { filters: F }> {
  const one = (b: { backend?: Plain<Message>; filters?: unknown }): Backend & { filters: F } => ({ ...compileBackend(b.backend, accrual), filters: filters({ filters: [], ...b } as RouteBackendOf<D>) });
  const kind = d?.kind;
  if (kind?.case === 'firstAvailable' && kind.value.backends.length > 0) return { kind: 'first', backends: kind.value.backends.map(one) };
  if (kind?.case !== 'randomAvailable') return { kind: 'empty' };
  const backends = kind.value.backends.flatMap(({ backend, failover, weight }) => (weight === 0 ? [] : [{ backend: one(backend ?? {}), failover: failover.map(one), weight }]));
  return backends.length === 0 ? { kind: 'empty' } : { kind: 'random', backends };
}

/** The backend of a mirror, whose failures are nobody's business. */
export function compileMirror(b: Plain<Message> | undefined): Backend {
  return compileBackend(b, null);
}

function compileBackend(b: Plain<Message> | undefined, accrual: AccrualPolicy | null): Backend {
  return { meta: metaOf(b?.metadata), ref: refOf(b), balance: balanceOf(b, accrual) };
}

function refOf(b: Plain<Message> | undefined): BackendRef | null {
  if (b?.kind.case === 'forward') return { kind: 'forward', endpoint: endpointOf(b.kind.value, {}) };
  const discovery = b?.kind.case === 'balancer' ? b.kind.value.discovery?.kind : undefined;
  return discovery?.case === 'dst' && discovery.value.path !== '' ? { kind: 'discover', path: discovery.value.path } : null;
}

function balanceOf(b: Plain<Message> | undefined, accrual: AccrualPolicy | null): BalancePolicy {
  const p2c = b?.kind.case === 'balancer' ? b.kind.value : undefined;
  const load = p2c?.load;
  const queue = b?.queue;
  return {
    queue: queue === undefined ? null : { capacity: queue.capacity, failFastMs: millisOf(queue.failfastTimeout) },
    ewma: load?.case === undefined ? null : { defaultRttMs: millisOf(load.value.defaultRtt), decayMs: millisOf(load.value.decay) },
    penalty: load?.case !== 'penaltyPeakEwma' ? null
      : { penaltyMs: millisOf(load.value.penalty), maxRetryAfterMs: millisOf(load.value.maxRetryAfter), decayMs: millisOf(load.value.penaltyDecay) },
    slowStartMs: millisOf(p2c?.slowStart),
    affinity: affinityOf(b?.sessionAffinity),
    accrual,
  };
}

function affinityOf(a: Plain<SessionAffinity> | undefined): BalancePolicy['affinity'] {
  if (a?.key.case === 'header') return { header: a.key.value.toLowerCase() };
  if (a?.key.case !== 'cookie') return null;
  const { name, path, ttl } = a.key.value;
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) throw new PolicyError(`"${name}" is not a name for a cookie`);
  return { cookie: name, path: path === '' ? '/' : path, ttlMs: millisOf(ttl) };
}

export function compileAccrual(a: Plain<FailureAccrual> | undefined): AccrualPolicy | null {
  const kind = a?.kind;
  if (kind?.case === undefined) return null;
  const minReady = a?.ejection?.minReadyEndpoints ?? 0;
  if (kind.case === 'consecutiveFailures') {
    const { maxFailures, backoff } = kind.value;
    return maxFailures === 0 ? null : { maxFailures, successRate: 0, decayMs: 0, minRequests: 0, backoff: backoffOf(backoff), minReady };
  }
  const { successRateThreshold, decay, minRequests, maxConsecutiveFailures, backoff } = kind.value;
  if (!(successRateThreshold >= 0 && successRateThreshold <= 1)) throw new PolicyError(`a success rate of ${successRateThreshold} is not between 0 and 1`);
  if (successRateThreshold === 0 && maxConsecutiveFailures === 0) return null;
  return { maxFailures: maxConsecutiveFailures, successRate: successRateThreshold, decayMs: millisOf(decay), minRequests, backoff: backoffOf(backoff), minReady };
}
