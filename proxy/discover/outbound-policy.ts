import type { Plain } from '../../lib/grpc/wire.ts';
import type { Backend } from '../../api/gen/outbound_pb.js';
import type { EndpointInfo } from '../balance/endpoint.ts';
import { endpointOf } from './convert.ts';
import type { OutboundPolicy } from './methods.ts';

/** Where traffic of one protocol goes: endpoints discovered by a path, or one fixed endpoint. */
export type BackendRef = { kind: 'discover'; path: string } | { kind: 'forward'; endpoint: EndpointInfo };
export interface Weighted { backend: BackendRef; weight: number }

export interface CompiledOutbound {
  protocol: 'detect' | 'opaque' | 'http1' | 'http2' | 'tls';
  http1: Weighted[];
  http2: Weighted[];
  opaque: Weighted[];
}

interface RouteLike {
  rules: { backends?: { kind: { case: string | undefined; value?: unknown } } | undefined }[];
}

/** Reads a policy message. What it does not name for a protocol goes to `fallback`. */
export function compileOutbound(policy: Plain<OutboundPolicy>, fallback: BackendRef): CompiledOutbound {
  const kind = policy.protocol?.kind;
  const only = [{ backend: fallback, weight: 1 }];
  const or = (routes: readonly RouteLike[] | undefined): Weighted[] => {
    const found = firstBackends(routes ?? []);
    return found.length > 0 ? found : only;
  };
  switch (kind?.case) {
    case 'detect': {
      const v = kind.value;
      return { protocol: 'detect', http1: or(v.http1?.routes), http2: or(v.http2?.routes), opaque: or(v.opaque?.routes) };
    }
    case 'opaque': return { protocol: 'opaque', http1: only, http2: only, opaque: or(kind.value.routes) };
    case 'http1': return { protocol: 'http1', http1: or(kind.value.routes), http2: or(kind.value.routes), opaque: only };
    case 'http2': return { protocol: 'http2', http1: or(kind.value.routes), http2: or(kind.value.routes), opaque: only };
    case 'grpc': return { protocol: 'http2', http1: or(kind.value.routes), http2: or(kind.value.routes), opaque: only };
    case 'tls': return { protocol: 'tls', http1: only, http2: only, opaque: or(kind.value.routes) };
    default: return { protocol: 'detect', http1: only, http2: only, opaque: only };
  }
}

/** The same backend for everything. */
export function forwardAll(backend: BackendRef, protocol: CompiledOutbound['protocol'] = 'detect'): CompiledOutbound {
  const only = [{ backend, weight: 1 }];
  return { protocol, http1: only, http2: only, opaque: only };
}

/** Backends of the first rule of the first route: its weighted ones, or the first of those to be tried in order. */
function firstBackends(routes: readonly RouteLike[]): Weighted[] {
  const d = routes[0]?.rules[0]?.backends?.kind;
  if (d?.case === 'firstAvailable') return (d.value as { backends: { backend?: Plain<Backend> }[] }).backends.slice(0, 1).flatMap((b) => backend(b.backend, 1));
  if (d?.case === 'randomAvailable') {
    return (d.value as { backends: { backend?: { backend?: Plain<Backend> }; weight: number }[] }).backends.flatMap((b) => backend(b.backend?.backend, b.weight));
  }
  return [];
}

function backend(b: Plain<Backend> | undefined, weight: number): Weighted[] {
  if (b?.kind.case === 'forward') return [{ weight, backend: { kind: 'forward', endpoint: endpointOf(b.kind.value, {}) } }];
  if (b?.kind.case !== 'balancer') return [];
  const discovery = b.kind.value.discovery?.kind;
  return discovery?.case === 'dst' ? [{ weight, backend: { kind: 'discover', path: discovery.value.path } }] : [];
}

/** One of the backends, by weight; null when all weights are zero. */
export function pickBackend<T extends { weight: number }>(all: readonly T[], random: () => number): T | null {
  if (all.length === 1) return all[0]!;
  let total = 0;
  for (const w of all) total += w.weight;
  let at = random() * total;
  for (const w of all) {
    at -= w.weight;
    if (at < 0) return w;
  }
  return null;
}
