/**
 * Everything that leaves the pod: a redirected connection finds its destination, its protocol, and then for each request an endpoint.
 *
 *   accept -> original destination -> what the control plane says of it -> protocol
 *     HTTP:   codec -> route (routes/http.ts) -> balance (P2C, retry what was refused) -> tap -> HTTP/1 in HTTP/2 -> measure -> connection
 *     opaque: route (routes/tcp.ts; by server name for the application's own TLS) -> balance -> connection, joined byte for byte
 */
import type { Socket } from 'node:net';
import { addrText, clientAddr, type ClientAddr } from './accept/addr.ts';
import { negotiate } from './accept/negotiate.ts';
import type { GetOrigDst } from './accept/orig-dst.ts';
import { quietMs } from './accept/quiet.ts';
import type { Balancer } from './balance/balancer.ts';
import { connectTcp } from './balance/connect-tcp.ts';
import type { DispatchConfig } from './balance/dispatch.ts';
import type { Endpoint } from './balance/endpoint.ts';
import type { PoolConfig, Protocol } from './balance/pool.ts';
import type { Core } from './core.ts';
import type { Target, Targets } from './discover/targets.ts';
import type { ProxyError } from './errors.ts';
import { abort } from './io/abort.ts';
import { limitHops } from './layers/max-forwards.ts';
import { measure } from './layers/measure.ts';
import { upgradeHttp1 } from './layers/orig-proto.ts';
import { traceTo } from './layers/trace.ts';
import type { Layer, RequestHead, ResponseStream, Service } from './message/contract.ts';
import { respondError } from './respond.ts';
import type { TcpStack } from './routes/tcp.ts';
import { Forward } from './tcp/forward.ts';
import { dstLabels } from './telemetry/labels.ts';
import { text } from './trace/otlp.ts';

/** Endpoints tried for one request or connection. */
const MAX_TRIES = 3;
/** An unfinished first line is opaque after this long, milliseconds. */

export class Outbound {
  private readonly core: Core;
  private readonly getOrigDst: GetOrigDst;
  private readonly targets: Targets;
  private readonly pool: PoolConfig;

  constructor(core: Core, getOrigDst: GetOrigDst, targets: Targets, pool: PoolConfig) {
    this.core = core;
    this.getOrigDst = getOrigDst;
    this.targets = targets;
    this.pool = pool;
  }

  readonly accept = (socket: Socket): void => {
    const { core } = this;
    const dst = this.getOrigDst(socket);
    const client = clientAddr(socket.remoteAddress ?? '', socket.remotePort ?? 0);
    if (dst === null || core.isOwnListener(dst)) {
      core.metrics.tcpErrors.outbound.with({ error: 'no original destination' }).value++;
      socket.destroy();
      return;
    }
    core.transport.track(socket, { direction: 'outbound', peer: 'src', tls: 'no_identity', no_tls_reason: 'loopback', target_addr: addrText(dst) });
    const target = this.targets.get(dst);
    const since = core.clock.now();
    target.connections++;
    socket.once('close', () => { target.connections--; });
    target.whenReady(() => {
      if (!socket.destroyed) this.route(socket, target, client, core.clock.now() - since);
    }, () => {
      core.log.warn('the control plane does not say where a destination is; connection refused', { dst: addrText(dst) });
      core.metrics.tcpErrors.outbound.with({ error: 'discovery timeout' }).value++;
      socket.destroy();
    });
  };

  private route(socket: Socket, target: Target, client: ClientAddr, waited: number): void {
    const { protocol } = target.routes!;
    if (protocol === 'opaque') {
      this.opaque(socket, target, Buffer.alloc(0), null, null);
      return;
    }
    const since = this.core.clock.now() - waited;
    let sni: string | null = null;
    let dialled: TcpStack | null = null;
    negotiate(socket, {
      clock: this.core.clock,
      first: null,
      quietMs: quietMs(protocol === 'detect' ? target.firstWord : 'client, HTTP', waited),
      partialMs: this.core.detectMs.outbound,
      count: this.core.reject,
      dial: (done, failed) => {
        dialled = target.routes!.opaque.find('');
        const balancer = dialled === null || dialled.refused !== '' ? null : dialled.choose().balancer;
        return balancer === null ? () => {} : connectTcp(balancer, this.pool, 1, done, failed);
      },
      onHttp: (version, bytes) => {
        if (protocol === 'tls') {
          this.opaque(socket, target, bytes, null, null);
          return;
        }
        target.firstWord = 'client, HTTP';
        this.core.detected('outbound', version === 1 ? 'http/1' : 'http/2', since);
        this.core.serve(socket, version, version === 1 ? http1(target, client) : http2(target, client), bytes);
      },
      onTls: (name) => {
        sni = name;
        return false;
      },
      onOpaque: (bytes, early, serverFirst) => {
        if (serverFirst) target.firstWord = 'server';
        this.core.detected('outbound', sni !== null ? 'tls' : serverFirst ? 'server first' : 'opaque', since);
        this.opaque(socket, target, bytes, sni, early === null ? null : { server: early, stack: dialled! });
      },
      onEof: () => socket.destroy(),
    });
  }

  /** `sni`: the server name of the application's own TLS, '' when it has none, null when it is not TLS. `early`: the connection that detection has opened. */
  private opaque(socket: Socket, target: Target, bytes: Buffer, sni: string | null, early: { server: Socket; stack: TcpStack } | null): void {
    const join = (server: Socket, stack: TcpStack): void => {
      if (socket.destroyed) {
        server.destroy();
        return;
      }
      const closed = stack.opened(sni);
      const forward = new Forward(socket, server, bytes.length > 0 ? bytes : null, ({ error }) => {
        this.core.forwards.delete(forward);
        closed(error === null ? '' : 'IO');
      });
      this.core.forwards.add(forward);
    };
    if (early !== null) {
      join(early.server, early.stack);
      return;
    }
    const { protocol, tls, opaque } = target.routes!;
    const stack = (protocol === 'tls' ? tls : opaque).find(sni ?? '');
    const chosen = stack === null ? null : stack.choose();
    const refused = stack === null ? 'no route' : stack.refused || chosen!.refused;
    if (refused !== '' || chosen!.balancer === null) {
      this.core.log.debug('a connection was refused', { dst: addrText(target.dst), sni: sni ?? '', why: refused });
      this.core.metrics.tcpErrors.outbound.with({ error: refused.startsWith('not valid') ? 'not valid' : refused }).value++;
      abort(socket);
      return;
    }
    const tried = new Set<Balancer>();
    let cancel = (): void => {};
    const connect = (balancer: Balancer): void => {
      tried.add(balancer);
      cancel = connectTcp(balancer, this.pool, MAX_TRIES, (server) => join(server, stack!), (error) => {
        const other = socket.destroyed ? null : stack!.other(tried);
        if (other === null) failed(error);
        else connect(other);
      });
    };
    const failed = (error: ProxyError): void => {
      this.core.log.debug('an opaque connection could not be forwarded', { dst: addrText(target.dst), error: error.message });
      this.core.metrics.tcpErrors.outbound.with({ error: error.code }).value++;
      stack!.opened(sni)(error.code);
      // The client sees what it would have seen without a proxy: a reset.
      abort(socket);
    };
    connect(chosen!.balancer);
    socket.once('close', () => cancel());
  }
}

/** The request stack of one connection. Routes are read for each request: an update takes effect on connections that exist. */
function http1(target: Target, client: ClientAddr): Service {
  return (head, ended, answer) => {
    head.client = client;
    return limitHops(target.routes!.http1, head, ended, answer);
  };
}

function http2(target: Target, client: ClientAddr): Service {
  return (head, ended, answer) => {
    head.client = client;
    return limitHops(target.routes!.http2, head, ended, answer);
  };
}

/** What the exchanges of every route have in common on their way to an endpoint. */
export function outboundDispatch(core: Core): Omit<DispatchConfig, 'balancer'> {
  const retries = core.metrics.retries.with({});
  return {
    protocol: chooseProtocol,
    maxTries: MAX_TRIES,
    onRetry: () => { retries.value++; },
    fail: (head, answer, error) => {
      core.failed('outbound', error);
      respondError(head, answer, error);
    },
    // Apart, since a function that holds a closure costs every call of it an object for what the closure sees.
    observe: (head, e, answer) => (core.tap.active ? tapped(core, head, e, answer) : answer),
  };
}

function tapped(core: Core, head: RequestHead, { info }: Endpoint, answer: ResponseStream): ResponseStream {
  return core.tap.observe(head, () => ({
    direction: 'OUTBOUND', source: head.client ?? info.addr, sourceLabels: {}, destination: info.addr,
    destinationLabels: {
      ...info.labels, tls: info.tls === null ? 'no_identity' : 'true', ...(info.tls === null ? {} : { server_id: info.tls.identity }),
      ...(head.fault === '' ? {} : { fault: head.fault }),
    },
    routeLabels: head.route,
  }), answer);
}

/** Peers take everything as HTTP/2, except what becomes a tunnel; others get what the client spoke. */
function chooseProtocol(head: RequestHead, e: Endpoint): Protocol {
  if (head.upgrade !== '' || (head.method === 'CONNECT' && head.version !== 2)) return 'http1';
  return head.version === 2 || e.info.h2 ? 'http2' : 'http1';
}

/** The layers between the balancer and one endpoint. */
export function outboundEndpointLayers(core: Core): (e: Endpoint) => Layer {
  return (e) => {
    const counted = measure({ metrics: core.metrics, clock: core.clock, labels: { direction: 'outbound', ...dstLabels(e.info) } });
    const upgraded = upgradeHttp1(addrText(e.info.addr));
    const traced = traceTo(core.spans, { clock: core.clock, random: core.random, kind: 'client', attributes: [text('direction', 'outbound'), text('network.peer.address', e.info.addr.ip)] });
    return (next) => {
      const last = core.via === null ? next : core.via(next);
      return traced(counted(e.info.tls !== null && e.info.h2 ? upgraded(last) : last));
    };
  };
}
