/** Reads an OutboundPolicy message. Throws PolicyError when it cannot be followed as it is. */
import { isDeepStrictEqual } from 'node:util';
import type { Plain } from '../../../lib/grpc/wire.ts';
import type { OutboundPolicy } from '../../discover/methods.ts';
import { BadPattern } from '../route-match.ts';
import { compileAccrual } from './backends.ts';
import { compileGrpcRoutes, compileHttpRoutes } from './http.ts';
import { PolicyError, type BackendRef, type BalancePolicy, type HttpRoutes, type Meta, type OutboundModel, type TcpRoute } from './model.ts';
import { compileOpaqueRoutes, compileTlsRoutes } from './tcp.ts';
import { metaOf, NO_META } from './wire.ts';

/** What the message does not name for a protocol goes to `fallback`. */
export function compileOutbound(policy: Plain<OutboundPolicy>, fallback: BackendRef): OutboundModel {
  try {
    return compile(policy, fallback);
  } catch (e) {
    if (e instanceof BadPattern) throw new PolicyError(e.message);
    throw e;
  }
}

function compile(policy: Plain<OutboundPolicy>, fallback: BackendRef): OutboundModel {
  const kind = policy.protocol?.kind;
  const base = forwardAll(fallback, 'detect', metaOf(policy.metadata));
  switch (kind?.case) {
    case 'detect': {
      const { http1, http2, opaque } = kind.value;
      const one = http1 === undefined ? base.http1 : compileHttpRoutes(http1.routes, compileAccrual(http1.failureAccrual));
      const alike = isDeepStrictEqual(http1, http2);
      return {
        ...base,
        http1: one,
        http2: alike || http2 === undefined ? one : compileHttpRoutes(http2.routes, compileAccrual(http2.failureAccrual)),
        opaque: opaque === undefined || opaque.routes.length === 0 ? base.opaque : compileOpaqueRoutes(opaque.routes),
      };
    }
    case 'opaque': return { ...base, protocol: 'opaque', opaque: compileOpaqueRoutes(kind.value.routes) };
    case 'http1': case 'http2': {
      const http = compileHttpRoutes(kind.value.routes, compileAccrual(kind.value.failureAccrual));
      return { ...base, protocol: kind.case, http1: http, http2: http };
    }
    case 'grpc': {
      const grpc = compileGrpcRoutes(kind.value.routes, compileAccrual(kind.value.failureAccrual));
      return { ...base, protocol: 'http2', http1: grpc, http2: grpc };
    }
    case 'tls': return { ...base, protocol: 'tls', tls: compileTlsRoutes(kind.value.routes) };
    default: return base;
  }
}

/** The proxy's own figures for everything. */
export const NO_BALANCE: BalancePolicy = { queue: null, ewma: null, penalty: null, slowStartMs: 0, affinity: null, accrual: null };

/** The same backend for everything. */
export function forwardAll(ref: BackendRef, protocol: OutboundModel['protocol'] = 'detect', parent: Meta = NO_META): OutboundModel {
  const backend = { meta: NO_META, ref, balance: NO_BALANCE, filters: [] };
  const http: HttpRoutes = { entries: [{
    host: null, path: { kind: 'prefix', value: '' }, tests: [], weights: [0, 0, 0],
    rule: { route: NO_META, grpc: false, key: '', filters: [], distribution: { kind: 'first', backends: [backend] }, timeouts: { requestMs: 0, responseMs: 0, idleMs: 0 }, retry: null, headers: false },
  }] };
  const opaque: TcpRoute[] = [{ route: NO_META, snis: [], filters: [], distribution: { kind: 'first', backends: [backend] } }];
  return { protocol, parent, http1: http, http2: http, opaque, tls: opaque };
}

/** Nothing passes, and everybody is told why. */
export function refuseAll(why: string): OutboundModel {
  const rule = { route: NO_META, grpc: false, key: '', filters: [], distribution: { kind: 'empty' as const }, timeouts: { requestMs: 0, responseMs: 0, idleMs: 0 }, retry: null, headers: false };
  const http: HttpRoutes = { entries: [{ host: null, path: { kind: 'prefix', value: '' }, tests: [], weights: [0, 0, 0], rule }] };
  const opaque: TcpRoute[] = [{ route: NO_META, snis: [], filters: [{ kind: 'invalid', message: why }], distribution: { kind: 'empty' } }];
  return { protocol: 'detect', parent: NO_META, http1: http, http2: http, opaque, tls: opaque };
}
