import type { Plain } from '../../lib/grpc/wire.ts';
import type { RequestHead } from '../message/contract.ts';
import type { Server } from '../discover/methods.ts';
import { compileAuthz, decide, type Peer, type Rule } from './authorize.ts';
import { compileMatch, type Matcher } from './route-match.ts';

export type InboundProtocol = 'detect' | 'http1' | 'http2' | 'opaque' | 'tls';

interface Route { labels: Record<string, string>; matches: Matcher[]; rules: Rule[] }

export interface Verdict {
  /** null: denied */
  rule: Rule | null;
  /** route_group, route_kind, route_name of the route that took the request */
  route: Record<string, string>;
}

/** What the control plane wants of one port of the application. */
export class PortPolicy {
  readonly protocol: InboundProtocol;
  /** srv_group, srv_kind, srv_name */
  readonly labels: Record<string, string>;
  private readonly rules: Rule[];
  private readonly routes: Route[];

  constructor(protocol: InboundProtocol, labels: Record<string, string>, rules: Rule[], routes: Route[] = []) {
    this.protocol = protocol;
    this.labels = labels;
    this.rules = rules;
    this.routes = routes;
  }

  /** For connections whose bytes are not looked into. */
  connection(peer: Peer): Rule | null {
    return decide(this.rules, peer);
  }

  /** For one request: the first route that matches judges by its own rules, or by the port's when it has none. */
  request(peer: Peer, head: RequestHead): Verdict {
    for (const r of this.routes) {
      if (r.matches.length > 0 && !r.matches.some((m) => m(head))) continue;
      return { rule: decide(r.rules.length > 0 ? r.rules : this.rules, peer), route: r.labels };
    }
    return { rule: decide(this.rules, peer), route: DEFAULT_ROUTE };
  }
}

const DEFAULT_ROUTE = { route_group: '', route_kind: 'default', route_name: 'default' };

export function compileServer(s: Plain<Server>): PortPolicy {
  const kind = s.protocol?.kind;
  const protocol: InboundProtocol = kind?.case === undefined ? 'detect' : kind.case === 'grpc' ? 'http2' : kind.case;
  const routes = kind?.case === 'detect' ? kind.value.httpRoutes : kind?.case === 'http1' || kind?.case === 'http2' ? kind.value.routes : [];
  const labels = { srv_group: s.labels['group'] ?? '', srv_kind: s.labels['kind'] ?? 'default', srv_name: s.labels['name'] ?? '' };
  return new PortPolicy(protocol, labels, s.authorizations.map(compileAuthz), routes.map((r) => {
    const meta = r.metadata?.kind;
    return {
      labels: meta?.case === 'resource' ? { route_group: meta.value.group, route_kind: meta.value.kind, route_name: meta.value.name } : { ...DEFAULT_ROUTE, route_name: meta?.case === 'default' ? meta.value : 'default' },
      matches: r.rules.flatMap((rule) => rule.matches.map(compileMatch)),
      rules: r.authorizations.map(compileAuthz),
    };
  }));
}

