import type { Socket } from 'node:net';
import type { Clock } from '../lib/clock.ts';
import type { SocketAddr } from './accept/addr.ts';
import { ERRORS, type ProxyError } from './errors.ts';
import { DEFAULT_LIMITS, Http1Client, serveHttp1, Sweeper, type ServerOptions } from './http1/index.ts';
import { Http2Client, serveHttp2, type ServerOptions as Http2Options } from './http2/index.ts';
import { Wire } from './io/wire.ts';
import type { Log } from './log.ts';
import type { Credentials } from './mesh-tls/credentials.ts';
import { HttpDate } from './message/date.ts';
import type { ClientConnection, Layer, ServerConnection, Service } from './message/contract.ts';
import { refuse } from './respond.ts';
import type { TapHub } from './tap/hub.ts';
import type { Forward } from './tcp/forward.ts';
import type { Side } from './tcp/patience.ts';
import type { Metrics } from './telemetry/metrics.ts';
import type { SpanExporter } from './trace/exporter.ts';
import type { TransportMetrics } from './telemetry/transport.ts';

export interface CoreDeps {
  clock: Clock;
  random: () => number;
  log: Log;
  metrics: Metrics;
  transport: TransportMetrics;
  tap: TapHub;
  credentials: Credentials;
  /** ports that the proxy itself listens on */
  ownPorts: ReadonlySet<number>;
  ownIps: ReadonlySet<string>;
  /** see ProxyEnv */
  detectMs: { inbound: number; outbound: number };
}

/** A client may take this long over one request head, and may hold an unused connection for this long. Milliseconds. */
const HEAD_TIMEOUT_MS = 30_000;
const IDLE_TIMEOUT_MS = 10 * 60_000;
/** A peer in the middle of a message has to move a little of it in this time, milliseconds. */
const PROGRESS_TIMEOUT_MS = 5 * 60_000;
/** HTTP/2 PING, as Linkerd's defaults. */
const KEEP_ALIVE = { intervalMs: 10_000, timeoutMs: 3_000 };

/** What inbound and outbound share: the parts of one proxy, and the connections that are being served. */
export class Core {
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly transport: TransportMetrics;
  readonly tap: TapHub;
  /** where spans go; null without a collector */
  spans: SpanExporter | null = null;
  /** puts itself into Via; null for not */
  via: Layer | null = null;
  readonly credentials: Credentials;
  /** opaque connections in progress */
  readonly forwards = new Set<Forward>();
  /** HTTP connections from clients */
  readonly served = new Set<ServerConnection>();
  readonly detectMs: CoreDeps['detectMs'];
  private readonly ownPorts: ReadonlySet<number>;
  private readonly ownIps: ReadonlySet<string>;
  private draining = false;
  private readonly http1: ServerOptions;
  private readonly http2: Http2Options;

  constructor(d: CoreDeps) {
    this.clock = d.clock;
    this.random = d.random;
    this.log = d.log;
    this.metrics = d.metrics;
    this.transport = d.transport;
    this.tap = d.tap;
    this.credentials = d.credentials;
    this.detectMs = d.detectMs;
    this.ownPorts = d.ownPorts;
    this.ownIps = d.ownIps;
    const date = new HttpDate(d.clock);
    this.http1 = {
      scheme: 'http', limits: DEFAULT_LIMITS, headTimeoutMs: HEAD_TIMEOUT_MS, idleTimeoutMs: IDLE_TIMEOUT_MS,
      progressTimeoutMs: PROGRESS_TIMEOUT_MS, sweeper: new Sweeper(d.clock), count: this.reject, refuse, date,
    };
    this.http2 = { clock: d.clock, count: this.reject, refuse: (error) => refuse(error).head, date, keepAlive: KEEP_ALIVE, bug: this.bug };
  }

  /** A destination that is one of our own listeners would come straight back. */
  isOwnListener(dst: SocketAddr): boolean {
    return this.ownPorts.has(dst.port) && (this.ownIps.has(dst.ip) || dst.ip.startsWith('127.') || dst.ip === '::1');
  }

  /** `since`: clock.now when detection began */
  detected(direction: 'inbound' | 'outbound', result: string, since: number): void {
    this.metrics.detect.with({ direction, result }).value++;
    this.metrics.detectSeconds.with({ direction }).observe((this.clock.now() - since) / 1000);
  }

  failed(direction: 'inbound' | 'outbound', error: ProxyError): void {
    this.log.debug('a request failed in the proxy', { direction, code: error.code, error: error.message });
    this.metrics.httpErrors[direction].with({ error: ERRORS[error.code].label }).value++;
  }

  /** Both sides of every opaque connection. */
  * sides(): Generator<Side> {
    for (const f of this.forwards) yield* f.sides;
  }

  /** Reports an exception that should not have been. */
  readonly bug = (error: unknown): void => {
    this.metrics.bugs.with({}).value++;
    this.log.error('a defect of the proxy; please report it', { error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  };

  readonly reject = (reason: string): void => {
    this.metrics.rejected.with({ reason }).value++;
  };

  /** Serves HTTP on a connection whose version is known; `first` are its bytes so far. `drained`: it takes part in the graceful end. */
  serve(socket: Socket, version: 1 | 2, service: Service, first: Buffer, drained = true): ServerConnection {
    const wire = new Wire(socket);
    const conn = version === 1 ? serveHttp1(wire, service, this.http1, first) : serveHttp2(wire, service, this.http2, first);
    if (!drained) return conn;
    this.served.add(conn);
    conn.onClose = () => this.served.delete(conn);
    if (this.draining) conn.drain();
    return conn;
  }

  http1Client(socket: Socket): ClientConnection {
    return new Http1Client(new Wire(socket), this.http1);
  }

  http2Client(socket: Socket): ClientConnection {
    return new Http2Client(new Wire(socket), this.http2);
  }

  /** Lets every connection finish what it does; resolves when all are gone or the grace period is over (then they are cut). */
  async drain(graceMs: number): Promise<void> {
    this.draining = true;
    for (const c of this.served) c.drain();
    const until = this.clock.now() + graceMs;
    while ((this.served.size > 0 || this.forwards.size > 0) && this.clock.now() < until) await new Promise<void>((r) => { setTimeout(r, 50); });
    for (const c of this.served) c.destroy();
    for (const f of this.forwards) f.destroy();
  }
}
