/**
 * Everything that leaves the pod: a redirected connection finds its destination, its protocol, and then for each request an endpoint.
 *
 *   accept -> original destination -> what the control plane says of it -> protocol
 *     HTTP:   codec -> weighted backend -> balance (P2C, retry what was refused) -> tap -> HTTP/1 in HTTP/2 -> measure -> connection
 *     opaque: balance -> connection, joined byte for byte
 */
import type { Socket } from 'node:net';
import { addrText, clientAddr, type ClientAddr } from './accept/addr.ts';
import { negotiate } from './accept/negotiate.ts';
import type { GetOrigDst } from './accept/orig-dst.ts';
import { connectTcp } from './balance/connect-tcp.ts';
import { dispatch, type DispatchConfig } from './balance/dispatch.ts';
import type { Endpoint } from './balance/endpoint.ts';
import type { PoolConfig, Protocol } from './balance/pool.ts';
import type { Core } from './core.ts';
import { pickBackend } from './discover/outbound-policy.ts';
import type { Route, Target, Targets } from './discover/targets.ts';
import { ProxyError } from './errors.ts';
import { abort } from './io/abort.ts';
import { measure } from './layers/measure.ts';
import { upgradeHttp1 } from './layers/orig-proto.ts';
import { ANSWERED, type Layer, type RequestHead, type Service } from './message/contract.ts';
import { respondError } from './respond.ts';
import { Forward } from './tcp/forward.ts';
import { dstLabels } from './telemetry/labels.ts';

/** Endpoints tried for one request or connection. */
const MAX_TRIES = 3;
/** A silent client's server is dialled after this long; much later where clients have spoken HTTP before. Milliseconds. */
const QUIET_MS = 10;
const QUIET_HTTP_MS = 5_000;
const PARTIAL_MS = 1_000;

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
    target.connections++;
    socket.once('close', () => { target.connections--; });
    target.whenReady(() => {
      if (!socket.destroyed) this.route(socket, target, client);
    }, () => {
      core.log.warn('the control plane does not say where a destination is; connection refused', { dst: addrText(dst) });
      core.metrics.tcpErrors.outbound.with({ error: 'discovery timeout' }).value++;
      socket.destroy();
    });
  };

  private route(socket: Socket, target: Target, client: ClientAddr): void {
    const routes = target.routes!;
    if (routes.protocol === 'opaque') {
      this.opaque(socket, target, Buffer.alloc(0), null);
      return;
    }
    negotiate(socket, {
      clock: this.core.clock,
      first: null,
      quietMs: target.sawHttp || routes.protocol !== 'detect' ? QUIET_HTTP_MS : QUIET_MS,
      partialMs: PARTIAL_MS,
      dial: (done, failed) => {
        const route = pickBackend(target.routes!.opaque, this.core.random);
        if (route === null) return () => {};
        return connectTcp(route.balancer, this.pool, 1, done, failed);
      },
      onHttp: (version, bytes) => {
        target.sawHttp = true;
        this.core.detected('outbound', version === 1 ? 'http/1' : 'http/2');
        this.core.serve(socket, version, this.service(target, version, client), bytes);
      },
      onTls: () => false,
      onOpaque: (bytes, early, serverFirst) => {
        this.core.detected('outbound', serverFirst ? 'server first' : 'opaque');
        this.opaque(socket, target, bytes, early);
      },
      onEof: () => socket.destroy(),
    });
  }

  /** The request stack of one connection. */
  private service(target: Target, version: 1 | 2, client: ClientAddr): Service {
    const { core } = this;
    const retries = core.metrics.retries.with({});
    const lanes = new Map<Route, Service>();
    const lane = (route: Route): Service => dispatch({
      balancer: route.balancer,
      protocol: chooseProtocol,
      maxTries: MAX_TRIES,
      onRetry: () => { retries.value++; },
      fail: (head, answer, error) => {
        core.failed('outbound', error);
        respondError(head, answer, error);
      },
      observe: (head, endpoint, answer) => core.tap.observe(head, () => ({
        direction: 'OUTBOUND', source: client, sourceLabels: {}, destination: endpoint.info.addr,
        destinationLabels: { ...endpoint.info.labels, tls: endpoint.info.tls === null ? 'no_identity' : 'true', ...(endpoint.info.tls === null ? {} : { server_id: endpoint.info.tls.identity }) },
      }), answer),
    } satisfies DispatchConfig);
    return (head, ended, answer) => {
      // Routes are read for each request: an update takes effect on connections that exist.
      const route = pickBackend(target.routes![version === 1 ? 'http1' : 'http2'], core.random);
      if (route === null) {
        core.failed('outbound', new ProxyError('NO_ENDPOINTS'));
        respondError(head, answer, new ProxyError('NO_ENDPOINTS', 'every backend of the route has weight 0'));
        return ANSWERED;
      }
      let service = lanes.get(route);
      if (service === undefined) {
        if (lanes.size > 16) lanes.clear();
        lanes.set(route, service = lane(route));
      }
      return service(head, ended, answer);
    };
  }

  private opaque(socket: Socket, target: Target, bytes: Buffer, early: Socket | null): void {
    const join = (server: Socket): void => {
      if (socket.destroyed) {
        server.destroy();
        return;
      }
      const forward = new Forward(socket, server, bytes.length > 0 ? bytes : null, () => this.core.forwards.delete(forward));
      this.core.forwards.add(forward);
    };
    if (early !== null) {
      join(early);
      return;
    }
    const route = pickBackend(target.routes!.opaque, this.core.random);
    if (route === null) {
      socket.destroy();
      return;
    }
    const cancel = connectTcp(route.balancer, this.pool, MAX_TRIES, join, (error) => {
      this.core.log.debug('an opaque connection could not be forwarded', { dst: addrText(target.dst), error: error.message });
      this.core.metrics.tcpErrors.outbound.with({ error: error.code }).value++;
      // The client sees what it would have seen without a proxy: a reset.
      abort(socket);
    });
    socket.once('close', cancel);
  }

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
    return (next) => counted(e.info.tls !== null && e.info.h2 ? upgradeHttp1(next) : next);
  };
}
