/**
 * The request stack of one destination, built once an update and shared by its connections. From outside in:
 *
 *   find the rule -> its metrics -> its filters -> mirrors -> timeouts -> retry -> pick a backend -> its metrics -> its filters -> dispatch
 *
 * What a rule does not ask for is not there: the default policy is dispatch alone.
 */
import type { OrigDst } from '../accept/addr.ts';
import { dispatch, type DispatchConfig } from '../balance/dispatch.ts';
import type { Core } from '../core.ts';
import { ProxyError } from '../errors.ts';
import type { Choice } from '../layers/failover.ts';
import { fault, failure, type FaultConfig } from '../layers/fault.ts';
import { changeRequestHeaders, changeResponseHeaders } from '../layers/headers.ts';
import { measureRoute, RouteSeries } from '../layers/measure-route.ts';
import { mirror } from '../layers/mirror.ts';
import { overrides, type Limits } from '../layers/overrides.ts';
import { firstUsable, weighted } from '../layers/pick.ts';
import { redirect } from '../layers/redirect.ts';
import { retry } from '../layers/retry.ts';
import { rewrite } from '../layers/rewrite.ts';
import { timeouts } from '../layers/timeouts.ts';
import type { Layer, Service } from '../message/contract.ts';
import type { Backend, Fault, Filter, HttpBackend, HttpRoutes, HttpRule, Meta, PathChange, RetryConditions } from '../policy/outbound/model.ts';
import type { PathTest } from '../policy/route-match.ts';
import { RouteTable } from '../policy/route-table.ts';
import { answeredEarly, respondError } from '../respond.ts';
import { metaLabels, type RouteFamilies } from '../telemetry/route-metrics.ts';
import type { Labels } from '../telemetry/text.ts';
import type { Budgets } from './budgets.ts';
import type { BackendSet, Opened } from './backends.ts';

export interface HttpRoutesConfig {
  core: Core;
  dst: OrigDst;
  parent: Meta;
  backends: BackendSet;
  budgets: Budgets;
  /** what every exchange on its way to an endpoint has in common */
  dispatch: Omit<DispatchConfig, 'balancer'>;
}

/** Copies of requests on their way to one mirror at a time. */
const MAX_COPIES = 1000;

export function buildHttpRoutes(routes: HttpRoutes, config: HttpRoutesConfig): Service {
  const builder = new Builder(config);
  const table = new RouteTable<Service>(routes.entries, (i) => builder.rule(routes.entries[i]!.rule, routes.entries[i]!.path));
  if (table.only !== null) return table.only;
  const { fail } = config.dispatch;
  return (head, ended, client) => {
    const service = table.find(head);
    if (service !== null) return service(head, ended, client);
    fail(head, client, new ProxyError('NO_ROUTE'));
    return answeredEarly(ended, client);
  };
}

class Builder {
  private readonly config: HttpRoutesConfig;
  private readonly parent: Labels;
  private readonly built = new Map<HttpRule, Map<string | null, Service>>();

  constructor(config: HttpRoutesConfig) {
    this.config = config;
    this.parent = metaLabels('parent', config.parent);
  }

  /** Matches of one rule share a stack, unless it cuts off the prefix that each of them matched. */
  rule(rule: HttpRule, path: PathTest): Service {
    const prefix = path.kind === 'prefix' && usesPrefix(rule) ? path.value : null;
    let stacks = this.built.get(rule);
    if (stacks === undefined) this.built.set(rule, stacks = new Map());
    let stack = stacks.get(prefix);
    if (stack === undefined) stacks.set(prefix, stack = new RuleBuilder(this.config, this.parent, rule, prefix).build());
    return stack;
  }
}

function usesPrefix({ filters, distribution: d }: HttpRule): boolean {
  const backends: HttpBackend[] = d.kind === 'empty' ? [] : d.kind === 'first' ? d.backends : d.backends.flatMap((b) => [b.backend, ...b.failover]);
  return [filters, ...backends.map((b) => b.filters)].flat().some((f) => (f.kind === 'redirect' || f.kind === 'rewrite') && f.path !== null && 'prefix' in f.path);
}

/** A rule that only leads to a backend, as the ones that stand for no object do: its requests are counted where they arrive, by request_total. */
function isPlain({ route, filters, distribution: d, timeouts: t, retry: r, headers }: HttpRule): boolean {
  return route.kind === 'default' && filters.length === 0 && r === null && !headers && t.requestMs + t.responseMs + t.idleMs === 0
    && d.kind === 'first' && d.backends.length === 1 && d.backends[0]!.filters.length === 0;
}

class RuleBuilder {
  private readonly config: HttpRoutesConfig;
  private readonly rule: HttpRule;
  /** null: no request of this stack was matched by a prefix */
  private readonly prefix: string | null;
  /** parent and route */
  private readonly labels: Labels;
  private readonly families: RouteFamilies;

  constructor(config: HttpRoutesConfig, parent: Labels, rule: HttpRule, prefix: string | null) {
    this.config = config;
    this.rule = rule;
    this.prefix = prefix;
    this.labels = { ...parent, ...metaLabels('route', rule.route) };
    const { routes } = config.core.metrics;
    this.families = rule.grpc ? routes.grpc : routes.http;
  }

  build(): Service {
    const { rule } = this;
    if (isPlain(rule)) return this.pick();
    const { core } = this.config;
    const pick = this.pick();
    let service = this.limited(rule, pick);
    if (rule.headers) service = overrides(rule, (limits) => this.limited(limits, pick))(service);
    const mirrors = rule.filters.filter((f) => f.kind === 'mirror');
    const others = rule.filters.filter((f) => f.kind !== 'mirror');
    service = this.filtered([...others, ...mirrors], service);
    const { labels, families: { status, requestSeconds, requestStatuses, requestFrames } } = this;
    const measured = measureRoute(new RouteSeries({ labels, requests: null, statuses: requestStatuses, seconds: requestSeconds, requestFrames, statusLabel: status }), core.clock)(service);
    return (head, ended, client) => {
      head.route = labels;
      return measured(head, ended, client);
    };
  }

  private limited({ timeouts: t, retry: r }: Limits, pick: Service): Service {
    const { core, dispatch: { fail }, budgets } = this.config;
    const { clock, random } = core;
    let service = pick;
    if (r !== null) {
      const { retries, retrySuccesses, retryLimits, retryOverflows } = this.families;
      const [again, success, limit, overflow] = [retries, retrySuccesses, retryLimits, retryOverflows].map((f) => f.with(this.labels));
      const { maxRetries, maxRequestBytes, perTryMs, backoff, methods } = r;
      service = retry({
        clock, random, maxRetries, maxRequestBytes, perTryMs, backoff, fail, ...(methods && { methods }),
        retryable: retryable(r.conditions),
        budget: r.budget === null ? null : budgets.get(this.rule.key, r.budget),
        onRetry: () => { again!.value++; }, onSuccess: () => { success!.value++; }, onLimit: () => { limit!.value++; }, onOverflow: () => { overflow!.value++; },
      })(service);
    }
    return t.requestMs + t.responseMs + t.idleMs > 0 ? timeouts({ clock, ...t, fail })(service) : service;
  }

  private pick(): Service {
    const d = this.rule.distribution;
    if (d.kind === 'empty') return this.noBackend('the route has no backend');
    if (d.kind === 'first') return this.inOrder(d.backends, d.backends.length > 1).service;
    return weighted(d.backends.map(({ backend, failover, weight }) => ({ ...this.inOrder([backend, ...failover], d.backends.length + failover.length > 1), weight })), this.config.core.random);
  }

  private inOrder(backends: readonly HttpBackend[], choice: boolean): Choice {
    const choices = backends.map((b) => this.backend(b, choice));
    return choices.length === 1 ? choices[0]! : { service: firstUsable(choices), usable: () => choices.some((c) => c.usable()) };
  }

  private noBackend(why: string): Service {
    const { fail } = this.config.dispatch;
    return (head, ended, client) => {
      fail(head, client, new ProxyError('NO_BACKEND', why));
      return answeredEarly(ended, client);
    };
  }

  private backend(b: HttpBackend, choice: boolean): Choice {
    // A backend whose filters answer everything has its share of the requests and no endpoints: that is how the control plane writes one that does not exist.
    const silent = b.filters.some((f) => f.kind === 'redirect' || (f.kind === 'fail' && f.share >= 1));
    const opened = silent ? null : this.config.backends.open(b, choice);
    let service = opened === null ? this.noBackend(`backend ${b.meta.name || 'without a name'} of the route is not valid`) : this.dispatch(opened);
    service = this.filtered(b.filters, service);
    if (!isPlain(this.rule)) {
      const { status, backendRequests, backendStatuses, backendSeconds, backendFrames } = this.families;
      const labels = { ...this.labels, ...metaLabels('backend', b.meta) };
      service = measureRoute(new RouteSeries({ labels, requests: backendRequests, statuses: backendStatuses, seconds: backendSeconds, responseFrames: backendFrames, statusLabel: status }), this.config.core.clock)(service);
    }
    return { service, usable: opened === null ? () => true : opened.usable };
  }

  private dispatch({ balancer, affinity }: Opened): Service {
    return dispatch({ ...this.config.dispatch, balancer, affinity });
  }

  /** The first filter is the outermost. */
  private filtered(filters: readonly Filter[], service: Service): Service {
    return filters.reduceRight((next, f) => this.filter(f)(next), service);
  }

  private filter(f: Filter): Layer {
    switch (f.kind) {
      case 'request-headers': return changeRequestHeaders(f.change);
      case 'response-headers': return changeResponseHeaders(f.change);
      case 'redirect': return redirect({ ...f, path: this.pathChange(f.path), prefix: this.prefix ?? '' });
      case 'rewrite': return rewrite({ host: f.host, path: this.pathChange(f.path), prefix: this.prefix ?? '' });
      case 'mirror': return this.mirror(f.backend, f.share);
      case 'fail': return failure(this.faultConfig(null), f.answer, f.share);
      case 'fault': return fault(this.faultConfig(f), f);
    }
  }

  /** A prefix can only be replaced where there is one. */
  private pathChange(change: PathChange | null): PathChange | null {
    return change !== null && 'prefix' in change && this.prefix === null ? null : change;
  }

  private mirror(backend: Backend, share: number): Layer {
    const { core, backends } = this.config;
    const opened = backends.open(backend, false);
    const labels = { ...this.labels, ...metaLabels('backend', backend.meta) };
    const [answered, failed, dropped] = (['answered', 'failed', 'dropped'] as const).map((result) => core.metrics.routes.mirrored.with({ ...labels, result }));
    const counters = { answered: answered!, failed: failed!, dropped: dropped! };
    const count = (result: keyof typeof counters): void => { counters[result].value++; };
    if (opened === null) return (next) => (head, ended, client) => (count('failed'), next(head, ended, client));
    // What becomes of a copy is no error of the request.
    const to = dispatch({ ...this.config.dispatch, fail: respondError, balancer: opened.balancer, affinity: null });
    return mirror({ random: core.random, share, maxActive: MAX_COPIES, to, count });
  }

  private faultConfig(f: Fault | null): FaultConfig {
    const { core, dst } = this.config;
    const { clock, random, metrics } = core;
    const labels = { ...this.labels, ...(f === null ? {} : metaLabels('fault', f.meta)) };
    const delays = metrics.routes.faults.with({ ...labels, fault: 'delay' });
    const aborts = metrics.routes.faults.with({ ...labels, fault: 'abort' });
    return {
      clock, random,
      count: (kind) => {
        (kind === 'delay' ? delays : aborts).value++;
        if (kind === 'abort') core.failed('outbound', new ProxyError('INJECTED'));
      },
      observe: (head, answer) => (!core.tap.active ? answer : core.tap.observe(head, () => ({
        direction: 'OUTBOUND', source: head.client ?? dst, sourceLabels: {}, destination: dst, destinationLabels: { fault: head.fault }, routeLabels: head.route,
      }), answer)),
    };
  }
}

/** Statuses of gRPC calls are judged by gRPC conditions, those of other requests by HTTP ones. */
function retryable({ statuses, grpc, noResponse }: RetryConditions): (status: number, grpcStatus: number, none: boolean) => boolean {
  return (status, grpcStatus, none) => (none && noResponse) || (grpcStatus >= 0 && grpc.includes(grpcStatus)) || statuses.some(([from, to]) => status >= from && status <= to);
}
