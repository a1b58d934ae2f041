import type { Plain } from '../../../lib/grpc/wire.ts';
import type { OpaqueRoute, TlsRoute } from '../../../api/gen/outbound_pb.js';
import { hostOf as hostOfAuthority } from '../route-table.ts';
import { compileDistribution } from './backends.ts';
import { compileTcpFilters } from './filters.ts';
import type { TcpRoute } from './model.ts';
import { hostOf, metaOf } from './wire.ts';

/** Routes of connections; one entry a rule. */
export function compileOpaqueRoutes(routes: readonly Plain<OpaqueRoute>[]): TcpRoute[] {
  return routes.flatMap((r) => r.rules.map((rule) => ({
    route: metaOf(r.metadata), snis: [], filters: compileTcpFilters(rule.filters),
    distribution: compileDistribution(rule.backends, null, (b) => compileTcpFilters(b.filters)),
  })));
}

export function compileTlsRoutes(routes: readonly Plain<TlsRoute>[]): TcpRoute[] {
  return routes.flatMap((r) => r.rules.map((rule) => ({
    route: metaOf(r.metadata), snis: r.snis.map(hostOf), filters: compileTcpFilters(rule.filters),
    distribution: compileDistribution(rule.backends, null, (b) => compileTcpFilters(b.filters)),
  })));
}

/** The route of a connection with this server name ('' for none): the most specific one, the first of those alike; null when none takes it. */
export function findTcpRoute<R extends Pick<TcpRoute, 'snis'>>(routes: readonly R[], sni: string): R | null {
  const name = hostOfAuthority(sni);
  let best: R | null = null;
  let rank = -1;
  for (const r of routes) {
    const n = specificity(r, name);
    if (n > rank) {
      best = r;
      rank = n;
    }
  }
  return best;
}

/** -1: not taken. */
function specificity({ snis }: Pick<TcpRoute, 'snis'>, name: string): number {
  if (snis.length === 0) return 0;
  let n = -1;
  for (const s of snis) {
    if (!s.suffix && s.name === name) return Infinity;
    if (s.suffix && name.endsWith(`.${s.name}`)) n = Math.max(n, 1 + s.name.length);
  }
  return n;
}
