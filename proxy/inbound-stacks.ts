/**
 * The request stacks of inbound HTTP, shared by every connection to one address of the application from clients of one identity, so that a connection costs little
 * more than its codec. What differs between those connections, the client's address, is in the heads of their requests.
 */
import { addrText, type ClientAddr, type SocketAddr } from './accept/addr.ts';
import type { Balancer } from './balance/balancer.ts';
import { dispatch } from './balance/dispatch.ts';
import type { Core } from './core.ts';
import type { ErrorCode } from './errors.ts';
import { accessLog, type AccessLogFormat } from './layers/access-log.ts';
import { authorize } from './layers/authorize.ts';
import { clientIdentity } from './layers/client-identity.ts';
import { failure } from './layers/fault.ts';
import { changeRequestHeaders } from './layers/headers.ts';
import { limitHops } from './layers/max-forwards.ts';
import { measure } from './layers/measure.ts';
import { traceTo } from './layers/trace.ts';
import { text } from './trace/otlp.ts';
import { downgradeHttp1 } from './layers/orig-proto.ts';
import { redirect } from './layers/redirect.ts';
import type { LocalApps } from './local-apps.ts';
import type { Layer, RequestHead, ResponseStream, Service } from './message/contract.ts';
import { RESET } from './message/reset.ts';
import type { Peer } from './policy/authorize.ts';
import type { InboundRoute } from './policy/inbound.ts';
import type { Filter } from './policy/outbound/model.ts';
import type { PortPolicies } from './policy/ports.ts';
import { respondError } from './respond.ts';
import { Memo } from './telemetry/memo.ts';
import type { Labels } from './telemetry/registry.ts';

/** Errors of requests that did not reach the application. */
const UNSEEN: ReadonlySet<ErrorCode> = new Set(['CONNECT', 'CONNECT_TIMEOUT', 'FAIL_FAST', 'NO_ENDPOINTS', 'LOAD_SHED']);
const MAX_STACKS = 1_000;
const MAX_TRIES = 2;

/** One kind of connection: where the application is, and who the client is. */
export interface Side {
  app: SocketAddr;
  client: Omit<Peer, 'ip'>;
  /** tls, client_id, no_tls_reason */
  labels: Labels;
  /** the client's proxy sends elsewhere what we refuse; a stock one gives the reset to its client */
  takesRefusals: boolean;
}

interface Stack {
  balancer: Balancer;
  /** from the authorization on */
  inner: Service;
  /** all of it */
  whole: Service;
}

export class InboundStacks {
  private readonly core: Core;
  private readonly apps: LocalApps;
  private readonly policies: PortPolicies;
  private readonly access: AccessLogFormat | null;
  private readonly stacks: Memo<Stack>;

  constructor(core: Core, apps: LocalApps, policies: PortPolicies, access: AccessLogFormat | null) {
    this.core = core;
    this.apps = apps;
    this.policies = policies;
    this.access = access;
    this.stacks = new Memo(core.metrics.registry, MAX_STACKS);
  }

  /** The service of one connection. */
  connection(side: Side, client: ClientAddr): Service {
    let stack = this.get(side);
    let service = this.of(stack, side, client);
    return (head, ended, answer) => {
      if (stack.balancer.closed) {
        stack = this.get(side);
        service = this.of(stack, side, client);
      }
      head.client = client;
      return service(head, ended, answer);
    };
  }

  /** The access log names the client's port, so it is a connection's own. */
  private of(stack: Stack, { client: { identity } }: Side, client: ClientAddr): Service {
    const { access, core } = this;
    if (access === null) return stack.whole;
    return downgradeHttp1(identity !== '')(accessLog({ format: access, clock: core.clock, write: core.log.raw, client, clientId: identity })(stack.inner));
  }

  private get(side: Side): Stack {
    const { app, client: { tls, identity }, takesRefusals } = side;
    const key = `${addrText(app)} ${tls} ${takesRefusals} ${identity}`;
    let stack = this.stacks.get(key);
    if (stack !== undefined && !stack.balancer.closed) return stack;
    stack = this.build(side);
    if (!this.stacks.full) this.stacks.set(key, stack);
    return stack;
  }

  private build({ app, client, labels, takesRefusals }: Side): Stack {
    const { core, policies } = this;
    const meshed = client.identity !== '';
    const target_port = String(app.port);
    const tapped = (head: RequestHead, answer: ResponseStream): ResponseStream => core.tap.observe(head, () => ({
      direction: 'INBOUND', source: head.client ?? app, sourceLabels: {}, destination: app, destinationLabels: { ...labels },
    }), answer);
    const observe = (head: RequestHead, answer: ResponseStream): ResponseStream => (core.tap.active ? tapped(head, answer) : answer);
    const balancer = this.apps.get(app);
    const toApp = dispatch({
      balancer,
      protocol: (head) => (head.version === 2 && head.upgrade === '' ? 'http2' : 'http1'),
      maxTries: MAX_TRIES,
      fail: (head, answer, error) => {
        core.failed('inbound', error);
        // A peer's proxy can take a request that the application never saw to another pod.
        if (takesRefusals && UNSEEN.has(error.code)) answer.reset(RESET.refused);
        else respondError(head, answer, error);
      },
      observe: (head, _endpoint, answer) => observe(head, answer),
    });
    const traced = traceTo(core.spans, { clock: core.clock, random: core.random, kind: 'server', attributes: [text('direction', 'inbound')] });
    const inner = traced(authorize({
      policy: () => policies.get(app.port),
      client,
      metrics: core.metrics,
      labels: { direction: 'inbound', ...labels, target_port },
      inner: (judged) => measure({ metrics: core.metrics, clock: core.clock, labels: { direction: 'inbound', ...labels, target_addr: addrText(app), target_port, ...judged } }),
      filters: (route) => this.filters(route, observe),
      fail: (head, answer, error) => {
        core.failed('inbound', error);
        respondError(head, answer, error);
      },
    })(clientIdentity(client.identity)((head, ended, answer) => limitHops(toApp, head, ended, answer))));
    return { balancer, inner, whole: downgradeHttp1(meshed)(inner) };
  }

  /** The first filter is the outermost. */
  private filters({ filters, prefix }: InboundRoute, observe: (head: RequestHead, answer: ResponseStream) => ResponseStream): Layer {
    return (next) => filters.reduceRight((inner, f) => this.filter(f, prefix, observe)(inner), next);
  }

  /** Those that inbound.proto has. */
  private filter(f: Filter, prefix: string, observe: (head: RequestHead, answer: ResponseStream) => ResponseStream): Layer {
    const { clock, random, metrics } = this.core;
    switch (f.kind) {
      case 'request-headers': return changeRequestHeaders(f.change);
      case 'redirect': return redirect({ ...f, prefix });
      case 'fail': {
        const injected = metrics.httpErrors.inbound.with({ error: 'injected' });
        return failure({ clock, random, count: () => { injected.value++; }, observe }, f.answer, f.share);
      }
      default: return (next) => next;
    }
  }
}
