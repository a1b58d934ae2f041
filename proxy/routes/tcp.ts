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

interface Choice { balancer: Balancer | null; usable: () => boolean; weight: number; refused: string }

/** What becomes of the connections of one rule. */
export class TcpStack {
  readonly snis: TcpRoute['snis'];
  /** why its connections are refused; '' when they are not */
  readonly refused: string;
  private readonly distribution: { backend: TcpBackend; weight: number }[];
  private readonly backends: BackendSet;
  /** a single backend is opened with the first connection: most destinations that could carry plain bytes never do */
  private choices: Choice[] | null = null;
  private readonly inOrder: boolean;
  private readonly core: Core;
  private readonly labels: Labels;
  private readonly opens: Memo<Counter>;

  constructor(route: TcpRoute, { core, parent, backends }: TcpRoutesConfig) {
    const d = route.distribution;
    this.core = core;
    this.snis = route.snis;
    this.inOrder = d.kind === 'first';
    this.backends = backends;
    this.distribution = backendsOf(d);
    if (this.distribution.length > 1) this.choices = this.distribution.map((one) => this.open(one));
    this.refused = refusal(route.filters) || (this.distribution.length === 0 ? 'the route has no backend' : '');
    this.labels = { ...metaLabels('parent', parent), ...metaLabels('route', route.route) };
    this.opens = new Memo(core.metrics.registry, MAX_NAMES);
  }

  /** The balancer for the next connection, or why there is none. */
  choose(): { balancer: Balancer | null; refused: string } {
    const choices = this.choices ??= this.distribution.map((d) => this.open(d));
    if (choices.length === 1) return choices[0]!;
    const usable = choices.filter((c) => c.usable());
    const from = usable.length === 0 ? choices : usable;
    if (this.inOrder) return from[0]!;
    let at = 0;
    for (const c of from) at += c.weight;
    at *= this.core.random();
    return from.find((c) => (at -= c.weight) < 0) ?? from[from.length - 1]!;
  }

  /** Another balancer for a connection that those in `tried` could not take; null when there is none that could. */
  other(tried: ReadonlySet<Balancer>): Balancer | null {
    for (const { balancer, usable } of this.choices!) if (balancer !== null && !tried.has(balancer) && usable()) return balancer;
    return null;
  }

  /** A backend that refuses has its share of the connections all the same. */
  private open({ backend, weight }: { backend: TcpBackend; weight: number }): Choice {
    const refused = refusal(backend.filters);
    const opened = refused === '' ? this.backends.open(backend, this.distribution.length > 1) : null;
    return { balancer: opened?.balancer ?? null, usable: opened?.usable ?? (() => true), weight, refused: refused || (opened === null ? 'a backend is not valid' : '') };
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

function backendsOf(d: Distribution<TcpBackend>): { backend: TcpBackend; weight: number }[] {
  if (d.kind === 'empty') return [];
  return d.kind === 'random' ? d.backends : d.backends.map((backend) => ({ backend, weight: 1 }));
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
