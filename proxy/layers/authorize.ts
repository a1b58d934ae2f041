import { ProxyError } from '../errors.ts';
import type { Layer, RequestHead, RequestStream, ResponseStream, Service } from '../message/contract.ts';
import type { Peer, Rule, Verdict } from '../policy/authorize.ts';
import type { InboundRoute, PeerJudge, PortPolicy } from '../policy/inbound.ts';
import { answeredEarly } from '../respond.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Counter, CounterFamily } from '../telemetry/registry.ts';
import type { Labels } from '../telemetry/text.ts';

export interface AuthorizeConfig {
  /** the port's policy as it is at this moment */
  policy: () => PortPolicy;
  /** what is known of every client; its address is in the heads of its requests */
  client: Omit<Peer, 'ip'>;
  metrics: Metrics;
  /** of the connection: direction, tls…, target_port */
  labels: Labels;
  /** the layers of what was allowed; `labels` name the server, route and authorization, as in Linkerd's request metrics, which leave denied requests out */
  inner: (labels: Labels) => Layer;
  /** the layers of a route's filters */
  filters: (route: InboundRoute) => Layer;
  /** answers a request that does not pass */
  fail: (head: RequestHead, client: ResponseStream, error: ProxyError) => void;
}

/** What follows from one route and rule of one policy: where it is counted, and what an allowed request passes next. */
interface Lane { route: InboundRoute; rule: Rule | null; counter: Counter; service: Service | null }

/** Clients' addresses that answers of the policy are kept for. */
const MAX_JUDGES = 1_000;

/** Lets a request pass only when the port's policy allows the client and its rate limit is not used up. */
export function authorize(config: AuthorizeConfig): Layer {
  return (next) => {
    const a = new Authorizer(config, next);
    return (head, ended, client) => a.serve(head, ended, client);
  };
}

class Authorizer {
  private readonly config: AuthorizeConfig;
  private readonly next: Service;
  /** by address */
  private judges = new Map<string, PeerJudge>();
  private known: PortPolicy | null = null;
  private lanes: Lane[] = [];
  private audited = new Map<Rule, Counter>();

  constructor(config: AuthorizeConfig, next: Service) {
    this.config = config;
    this.next = next;
  }

  serve(head: RequestHead, ended: boolean, client: ResponseStream): RequestStream {
    const { config } = this;
    const policy = config.policy();
    if (policy !== this.known) this.use(policy);
    const route = policy.route(head);
    if (route === null) {
      config.metrics.inboundNoRoute.with({ ...config.labels, ...policy.labels }).value++;
      return this.refuse(head, ended, client, new ProxyError('NO_ROUTE'));
    }
    const ip = head.client === null ? '' : head.client.ip;
    const verdict = this.judgeOf(policy, ip).request(route, head);
    if (verdict.audits.length > 0) this.audit(policy, route, verdict);
    const lane = this.laneOf(policy, route, verdict);
    lane.counter.value++;
    if (lane.service === null) {
      return this.refuse(head, ended, client, new ProxyError('DENIED', deniedText(config.client, ip, verdict)));
    }
    const scope = policy.limiter === null || !route.limited ? null : policy.limiter.check(config.client.identity);
    if (scope === null) return lane.service(head, ended, client);
    config.metrics.rateLimited.with({ ...config.labels, ...policy.labels, scope }).value++;
    return this.refuse(head, ended, client, new ProxyError('RATE_LIMITED', `more requests a second than the ${scope} limit of the port allows`));
  }

  private refuse(head: RequestHead, ended: boolean, client: ResponseStream, error: ProxyError): RequestStream {
    this.config.fail(head, client, error);
    return answeredEarly(ended, client);
  }

  private use(policy: PortPolicy): void {
    this.known = policy;
    this.lanes = [];
    this.audited = new Map();
    this.judges = new Map();
  }

  private judgeOf(policy: PortPolicy, ip: string): PeerJudge {
    let j = this.judges.get(ip);
    if (j !== undefined) return j;
    if (this.judges.size >= MAX_JUDGES) this.judges.clear();
    j = policy.judge({ ...this.config.client, ip });
    this.judges.set(ip, j);
    return j;
  }

  private laneOf(policy: PortPolicy, route: InboundRoute, { allowed, rule }: Verdict): Lane {
    for (const l of this.lanes) if (l.rule === rule && l.route === route) return l;
    const { metrics, inner, filters } = this.config;
    const judged = { ...policy.labels, ...route.labels, ...rule?.labels };
    const service = allowed ? inner(judged)(route.filters.length === 0 ? this.next : filters(route)(this.next)) : null;
    const lane = { route, rule, counter: this.count(allowed ? metrics.httpAllow : metrics.httpDeny, judged), service };
    this.lanes.push(lane);
    return lane;
  }

  private count(family: CounterFamily, judged: Labels): Counter {
    return family.with({ ...this.config.labels, ...judged });
  }

  private audit(policy: PortPolicy, route: InboundRoute, { audits }: Verdict): void {
    for (const rule of audits) {
      let c = this.audited.get(rule);
      if (c === undefined) this.audited.set(rule, c = this.count(this.config.metrics.httpAudit, { ...policy.labels, ...route.labels, ...rule.labels }));
      c.value++;
    }
  }
}

function deniedText({ identity, tls }: Omit<Peer, 'ip'>, ip: string, { rule }: Verdict): string {
  const who = identity || (tls ? 'a client without identity' : 'an unmeshed client');
  return `${who} at ${ip} is not authorized${rule === null ? '' : `: ${rule.labels['authz_name']} denies it`}`;
}
