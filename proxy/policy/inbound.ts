import type { Plain } from '../../lib/grpc/wire.ts';
import type { Clock } from '../../lib/clock.ts';
import { parseCidr, type Cidr } from '../../lib/cidr.ts';
import type { GrpcRoute, HttpLocalRateLimit, HttpRoute } from '../../api/gen/inbound_pb.js';
import type { Metadata } from '../../api/gen/meta_pb.js';
import { ipText } from '../discover/convert.ts';
import { RateLimiter, type RateLimitPolicy } from '../layers/rate-limit.ts';
import type { RequestHead } from '../message/contract.ts';
import type { Server } from '../discover/methods.ts';
import { compileAuthz, Judge, type Peer, type Rule, type Verdict } from './authorize.ts';
import { compileFilters } from './outbound/filters.ts';
import { ANY_REQUEST, grpcMatch, httpMatch, type Match } from './outbound/http.ts';
import type { Filter } from './outbound/model.ts';
import { hostOf } from './outbound/wire.ts';
import { RouteTable, type Entry } from './route-table.ts';

export type InboundProtocol = 'detect' | 'http1' | 'http2' | 'opaque' | 'tls';

/** One rule of a route. */
export interface InboundRoute {
  /** route_group, route_kind, route_name */
  labels: Record<string, string>;
  rules: readonly Rule[];
  filters: readonly Filter[];
  /** requests of it count for the limits of the port: the kubelet's probes do not */
  limited: boolean;
  /** the path prefix that a request was matched by, '' without; what filters replace */
  prefix: string;
}

const DEFAULT_LABELS = { route_group: '', route_kind: 'default', route_name: 'default' };
/** Name of the route that the control plane makes for the kubelet's probes; no other rule of the port counts there. */
const PROBE = 'probe';

/** What the control plane wants of one port of the application. */
export class PortPolicy {
  readonly protocol: InboundProtocol;
  /** srv_group, srv_kind, srv_name */
  readonly labels: Record<string, string>;
  readonly limiter: RateLimiter | null;
  private readonly rules: readonly Rule[];
  /** null: there are no routes, and every request is one of the default route's */
  private readonly table: RouteTable<InboundRoute> | null;
  private readonly ips: readonly Cidr[];
  private readonly anything: InboundRoute;

  constructor(protocol: InboundProtocol, labels: Record<string, string>, rules: readonly Rule[], more: { table: RouteTable<InboundRoute> | null; limiter: RateLimiter | null; ips: readonly Cidr[] } = PLAIN) {
    this.protocol = protocol;
    this.labels = labels;
    this.rules = rules;
    this.table = more.table;
    this.limiter = more.limiter;
    this.ips = more.ips;
    this.anything = { labels: DEFAULT_LABELS, rules, filters: [], limited: true, prefix: '' };
  }

  /** Whether connections to this address of the pod are taken at all. */
  takes(ip: string): boolean {
    return this.ips.length === 0 || this.ips.some((n) => n.contains(ip));
  }

  /** The rule's route that a request belongs to; null when there are routes and none of them takes it. */
  route(head: RequestHead): InboundRoute | null {
    return this.table === null ? this.anything : this.table.find(head);
  }

  judge(peer: Peer): PeerJudge {
    return new PeerJudge(peer, this.rules);
  }
}

const PLAIN = { table: null, limiter: null, ips: [] };

/** A policy's answers for one client. */
export class PeerJudge {
  private readonly peer: Peer;
  private readonly whole: Judge<Rule>;
  private readonly byRules = new Map<readonly Rule[], Judge<Rule>>();

  constructor(peer: Peer, rules: readonly Rule[]) {
    this.peer = peer;
    this.whole = new Judge(rules, peer);
    this.byRules.set(rules, this.whole);
  }

  /** For connections whose bytes are not looked into. */
  connection(): Verdict {
    return this.whole.connection();
  }

  request(route: InboundRoute, head: RequestHead): Verdict {
    let j = this.byRules.get(route.rules);
    if (j === undefined) this.byRules.set(route.rules, j = new Judge(route.rules, this.peer));
    return j.request(head);
  }
}

/** `before`: the policy that this one replaces, whose rate limiter goes on. Throws on what cannot be followed (PolicyError, BadPattern). */
export function compileServer(s: Plain<Server>, clock: Clock, before: PortPolicy | null): PortPolicy {
  const kind = s.protocol?.kind;
  const protocol: InboundProtocol = kind?.case === undefined ? 'detect' : kind.case === 'grpc' ? 'http2' : kind.case;
  const labels = { srv_group: s.labels['group'] ?? '', srv_kind: s.labels['kind'] ?? 'default', srv_name: s.labels['name'] ?? '' };
  const rules = s.authorizations.map(compileAuthz);
  let entries: Entry<InboundRoute>[] = [];
  let limit: Plain<HttpLocalRateLimit> | undefined;
  if (kind?.case === 'detect') {
    entries = kind.value.httpRoutes.flatMap((r) => httpRoute(r, rules));
    limit = kind.value.httpLocalRateLimit;
  } else if (kind?.case === 'http1' || kind?.case === 'http2') {
    entries = kind.value.routes.flatMap((r) => httpRoute(r, rules));
    limit = kind.value.localRateLimit;
  } else if (kind?.case === 'grpc') {
    entries = kind.value.routes.flatMap((r) => grpcRoute(r, rules));
  }
  return new PortPolicy(protocol, labels, rules, {
    table: entries.length === 0 ? null : new RouteTable(entries, (i) => entries[i]!.rule),
    limiter: limiterOf(limit, clock, before?.limiter ?? null),
    ips: s.serverIps.flatMap((ip) => parseCidr(ipText(ip)) ?? []),
  });
}

/** Its own authorizations count beside the server's. */
function httpRoute(r: Plain<HttpRoute>, server: readonly Rule[]): Entry<InboundRoute>[] {
  const own = r.authorizations.map(compileAuthz);
  const rules = isProbe(r.metadata) ? own : own.length === 0 ? server : [...own, ...server];
  return r.rules.flatMap((rule) => entriesOf(r, rule.matches.map(httpMatch), rules, compileFilters(rule.filters)));
}

/** Nobody may use it whom its own authorizations do not allow; what the server denies or audits counts too. */
function grpcRoute(r: Plain<GrpcRoute>, server: readonly Rule[]): Entry<InboundRoute>[] {
  const own = r.authorizations.map(compileAuthz);
  const rules = isProbe(r.metadata) ? own : [...own, ...server.filter((s) => s.action !== 'allow')];
  return r.rules.flatMap((rule) => entriesOf(r, rule.matches.map(grpcMatch), rules, compileFilters(rule.filters)));
}

function entriesOf(r: Plain<HttpRoute> | Plain<GrpcRoute>, matches: Match[], rules: readonly Rule[], filters: readonly Filter[]): Entry<InboundRoute>[] {
  const labels = routeLabels(r.metadata);
  const hosts = r.hosts.length === 0 ? [null] : r.hosts.map(hostOf);
  return hosts.flatMap((host) => (matches.length === 0 ? [ANY_REQUEST] : matches).map((m) => ({
    host, ...m, rule: { labels, rules, filters, limited: !isProbe(r.metadata), prefix: m.path.kind === 'prefix' ? m.path.value : '' },
  })));
}

function routeLabels(m: Plain<Metadata> | undefined): Record<string, string> {
  const kind = m?.kind;
  if (kind?.case === 'resource') return { route_group: kind.value.group, route_kind: kind.value.kind, route_name: kind.value.name };
  return kind?.case === 'default' ? { ...DEFAULT_LABELS, route_name: kind.value } : DEFAULT_LABELS;
}

function isProbe(m: Plain<Metadata> | undefined): boolean {
  return m?.kind.case === 'default' && m.kind.value === PROBE;
}

function limiterOf(m: Plain<HttpLocalRateLimit> | undefined, clock: Clock, before: RateLimiter | null): RateLimiter | null {
  if (m === undefined) return null;
  const overrides = new Map(m.overrides.flatMap((o) => (o.clients?.identities ?? []).map(({ name }) => [name, o.limit?.requestsPerSecond ?? 0] as const)));
  const policy: RateLimitPolicy = { total: m.total?.requestsPerSecond ?? 0, identity: m.identity?.requestsPerSecond ?? 0, overrides };
  if (policy.total === 0 && policy.identity === 0 && overrides.size === 0) return null;
  return before?.is(policy) === true ? before : new RateLimiter(policy, clock);
}

