/** Routes of connections that are joined byte for byte, by server name where they are the application's own TLS. */
import type { Balancer } from '../balance/balancer.ts';
import type { Core } from '../core.ts';
import type { Distribution, Meta, TcpBackend, TcpRoute } from '../policy/outbound/model.ts';
import { findTcpRoute } from '../policy/outbound/tcp.ts';
import { Memo } from '../telemetry/memo.ts';
import type { Counter, CounterFamily } from '../telemetry/registry.ts';
import { metaLabels } from '../telemetry/route-metrics.ts';
import type { Labels } from '../telemetry/text.ts';
import type { BackendSet } from './backends.ts';

export interface TcpRoutesConfig { core: Core; parent: Meta; backends: BackendSet }

/** Server names that one route counts apart; clients choose them, so there is a bound. */
const MAX_NAMES = 100;
const OTHER = '(other)';

interface Choice { balancer: Balancer | null; usable: () => boolean; refused: string }

/** Backends in order of preference, that have a share of the connections together. */
interface Share<B> { inOrder: B[]; weight: number }

/** What becomes of the connections of one rule. */
export class TcpStack {
  readonly snis: TcpRoute['snis'];
  /** why its connections are refused; '' when they are not */
  readonly refused: string;
  private readonly shares: Share<TcpBackend>[];
  /** of all shares */
  private readonly count: number;
  private readonly backends: BackendSet;
  /** a single backend is opened with the first connection: most destinations that could carry plain bytes never do */
  private choices: Share<Choice>[] | null = null;
  private readonly core: Core;
  private readonly labels: Labels;
  private readonly opens: Memo<Counter>;

  constructor(route: TcpRoute, { core, parent, backends }: TcpRoutesConfig) {
    this.core = core;
    this.snis = route.snis;
    this.backends = backends;
    this.shares = sharesOf(route.distribution);
    this.count = this.shares.reduce((n, { inOrder }) => n + inOrder.length, 0);
    if (this.count > 1) this.choices = this.openAll();
    this.refused = refusal(route.filters) || (this.count === 0 ? 'the route has no backend' : '');
    this.labels = { ...metaLabels('parent', parent), ...metaLabels('route', route.route) };
    this.opens = new Memo(core.metrics.registry, MAX_NAMES);
  }

  /** The balancer for the next connection, or why there is none. */
  choose(): { balancer: Balancer | null; refused: string } {
    const shares = this.choices ??= this.openAll();
    if (this.count <= 1) return shares[0]?.inOrder[0] ?? { balancer: null, refused: this.refused };
    const usable = shares.filter(({ inOrder }) => inOrder.some((c) => c.usable()));
    const from = usable.length === 0 ? shares : usable;
    let at = 0;
    for (const { weight } of from) at += weight;
    at *= this.core.random();
    const { inOrder } = from.find(({ weight }) => (at -= weight) < 0) ?? from[from.length - 1]!;
    return inOrder.find((c) => c.usable()) ?? inOrder[0]!;
  }

  /** Another balancer for a connection that those in `tried` could not take; null when there is none that could. */
  other(tried: ReadonlySet<Balancer>): Balancer | null {
    for (const { inOrder } of this.choices!) for (const { balancer, usable } of inOrder) if (balancer !== null && !tried.has(balancer) && usable()) return balancer;
    return null;
  }

  private openAll(): Share<Choice>[] {
    return this.shares.map(({ inOrder, weight }) => ({ inOrder: inOrder.map((backend) => this.open(backend)), weight }));
  }

  /** A backend that refuses has its share of the connections all the same. */
  private open(backend: TcpBackend): Choice {
    const refused = refusal(backend.filters);
    const opened = refused === '' ? this.backends.open(backend, this.count > 1) : null;
    return { balancer: opened?.balancer ?? null, usable: opened?.usable ?? (() => true), refused: refused || (opened === null ? 'a backend is not valid' : '') };
  }

  /** Counts a connection; `sni` is null for one that is not TLS. Returns what is to be called when it ends, with an error code or ''. */
  opened(sni: string | null): (error: string) => void {
    const { tcpOpen, tcpClose, tlsOpen, tlsClose } = this.core.metrics.routes;
    const hostname = sni === null || !this.opens.full || this.opens.get(sni) !== undefined ? sni : OTHER;
    const labels = hostname === null ? this.labels : { ...this.labels, hostname };
    this.counter(hostname === null ? tcpOpen : tlsOpen, hostname ?? '', labels).value++;
    return (error) => { (sni === null ? tcpClose : tlsClose).with({ ...labels, error }).value++; };
  }

  private counter(family: CounterFamily, key: string, labels: Labels): Counter {
    let c = this.opens.get(key);
    if (c === undefined) {
      c = family.with(labels);
      if (!this.opens.full) this.opens.set(key, c);
    }
    return c;
  }
}

function sharesOf(d: Distribution<TcpBackend>): Share<TcpBackend>[] {
  if (d.kind === 'empty') return [];
  return d.kind === 'first' ? [{ inOrder: d.backends, weight: 1 }] : d.backends.map(({ backend, failover, weight }) => ({ inOrder: [backend, ...failover], weight }));
}

function refusal(filters: TcpRoute['filters']): string {
  const f = filters[0];
  if (f === undefined) return '';
  return f.kind === 'forbidden' ? 'forbidden by policy' : `not valid: ${f.message}`;
}

export class TcpRoutes {
  private readonly stacks: TcpStack[];

  constructor(routes: readonly TcpRoute[], config: TcpRoutesConfig) {
    this.stacks = routes.map((r) => new TcpStack(r, config));
  }

  /** For a connection with this server name, '' for none; null when no route takes it. */
  find(sni: string): TcpStack | null {
    return this.stacks.length === 1 && this.stacks[0]!.snis.length === 0 ? this.stacks[0]! : findTcpRoute(this.stacks, sni);
  }
}
