import type { Socket } from 'node:net';
import type { Clock } from '../../lib/clock.ts';
import type { SocketAddr } from '../accept/addr.ts';
import type { ProxyError } from '../errors.ts';
import type { Dial } from '../mesh-tls/originate.ts';
import type { ClientConnection } from '../message/contract.ts';
import type { EndpointInfo } from './endpoint.ts';
import { IdleConnections, type Idle } from './idle.ts';

export type Protocol = 'http1' | 'http2';

export interface PoolConfig {
  clock: Clock;
  /** opens a transport to the endpoint for a protocol (null: opaque bytes) */
  connect: (info: EndpointInfo, protocol: Protocol | null, done: (socket: Socket) => void, failed: (error: ProxyError) => void) => Dial;
  /** wraps a fresh socket in a codec */
  http1: (socket: Socket) => Idle;
  http2: (socket: Socket) => ClientConnection;
  /** an HTTP/1 connection unused for this long is closed */
  idleMs: number;
  /** connections to one endpoint at a time, of one protocol; requests beyond wait */
  maxConnections: number;
  /** an endpoint that could not be connected to is left alone for this long, doubling to 10 s; 0: never */
  retryDelayMs: number;
  /** a connection takes no more exchanges after so many, or when it is so old (milliseconds); null: as many and as long as it lives */
  reuse: ReuseLimits | null;
}

/** 0 is no limit. */
export interface ReuseLimits { maxRequests: number; maxAgeMs: number }

export interface Waiter { ready: (conn: ClientConnection) => void; failed: (error: ProxyError) => void }

/**
 * The connections to one endpoint. HTTP/2: one connection, another only when all are at their stream limit. HTTP/1: one exchange a connection, most recently used
 * first, so that the surplus falls idle and is closed.
 */
export class ConnectionPool {
  private readonly lanes: Record<Protocol, Lane>;

  /** `onLeft`: the peer ended an HTTP/2 connection */
  constructor(info: EndpointInfo, config: PoolConfig, onLeft: () => void) {
    this.lanes = { http1: new Lane(info, config, 'http1', onLeft), http2: new Lane(info, config, 'http2', onLeft) };
  }

  /** A connection that can take an exchange right now, or null. */
  take(protocol: Protocol): ClientConnection | null {
    return this.lanes[protocol].take();
  }

  /** Waits for a connection; returns the way to stop waiting. */
  wait(protocol: Protocol, waiter: Waiter): () => void {
    return this.lanes[protocol].wait(waiter);
  }

  /** No more exchanges: idle connections close now, busy ones when they are done. */
  drain(): void {
    this.lanes.http1.drain();
    this.lanes.http2.drain();
  }

  get connections(): number {
    return this.lanes.http1.conns.length + this.lanes.http2.conns.length;
  }
}

class Lane {
  readonly conns: ClientConnection[] = [];
  private readonly idle: IdleConnections;
  private readonly waiters: Waiter[] = [];
  private readonly dials = new Set<Dial>();
  /** what each connection has been used for; only with limits */
  private readonly uses = new Map<ClientConnection, { bornAt: number; left: number }>();
  private draining = false;
  private readonly info: EndpointInfo;
  private readonly config: PoolConfig;
  private readonly protocol: Protocol;
  private readonly onLeft: () => void;

  constructor(info: EndpointInfo, config: PoolConfig, protocol: Protocol, onLeft: () => void) {
    this.info = info;
    this.config = config;
    this.protocol = protocol;
    this.onLeft = onLeft;
    this.idle = new IdleConnections(config.clock, config.idleMs);
  }

  take(): ClientConnection | null {
    if (this.waiters.length > 0) return null;
    if (this.protocol === 'http1') {
      const c = this.idle.take();
      return c === null || !this.spent(c) ? c : this.take();
    }
    for (const c of this.conns) if (c.capacity > 0 && !this.spent(c)) return c;
    return null;
  }

  /** Counts one more exchange on a connection; true when it has had its share, and it is closed then. */
  private spent(conn: ClientConnection): boolean {
    const { reuse, clock } = this.config;
    if (reuse === null) return false;
    const use = this.uses.get(conn)!;
    if (use.left > 0 && (reuse.maxAgeMs === 0 || clock.now() - use.bornAt < reuse.maxAgeMs)) {
      use.left--;
      return false;
    }
    conn.onChange = null;
    this.gone(conn);
    conn.drain();
    return true;
  }

  wait(waiter: Waiter): () => void {
    this.waiters.push(waiter);
    const dialling = this.dials.size;
    const wanted = this.protocol === 'http2' ? dialling === 0 : dialling < this.waiters.length;
    if (wanted && this.conns.length + dialling < this.config.maxConnections) this.open();
    return () => {
      const i = this.waiters.indexOf(waiter);
      if (i >= 0) this.waiters.splice(i, 1);
    };
  }

  private open(): void {
    let dial: Dial | null = null;
    let settled = false;
    const settle = (): void => {
      settled = true;
      if (dial !== null) this.dials.delete(dial);
    };
    dial = this.config.connect(this.info, this.protocol, (socket) => {
      settle();
      this.opened(socket);
    }, (error) => {
      settle();
      this.openFailed(error);
    });
    if (!settled) this.dials.add(dial);
  }

  private opened(socket: Socket): void {
    const { clock, reuse } = this.config;
    const conn = this.config[this.protocol](socket);
    this.conns.push(conn);
    if (reuse !== null) this.uses.set(conn, { bornAt: clock.now(), left: reuse.maxRequests || Infinity });
    conn.onChange = () => this.changed(conn);
    this.changed(conn);
    if (this.draining) conn.drain();
  }

  private openFailed(error: ProxyError): void {
    // An HTTP/2 dial serves everybody who waits, an HTTP/1 dial one of them.
    const losers = this.protocol === 'http2' ? this.waiters.splice(0) : this.waiters.splice(0, 1);
    for (const w of losers) w.failed(error);
  }

  private gone(conn: ClientConnection): void {
    const i = this.conns.indexOf(conn);
    if (i >= 0) this.conns.splice(i, 1);
    this.uses.delete(conn);
  }

  private changed(conn: ClientConnection): void {
    if (conn.closed) {
      this.gone(conn);
      this.idle.remove(conn);
      if (this.protocol === 'http2' && !this.draining) this.onLeft();
      if (this.waiters.length > this.dials.size && (this.protocol === 'http1' || this.dials.size === 0)) this.open();
      return;
    }
    while (this.waiters.length > 0 && conn.capacity > 0) {
      if (this.spent(conn)) {
        this.open();
        return;
      }
      this.waiters.shift()!.ready(conn);
    }
    if (this.protocol === 'http2' && this.waiters.length > 0 && this.dials.size === 0 && this.conns.length < this.config.maxConnections) this.open();
    if (this.protocol === 'http1' && conn.active === 0 && conn.capacity > 0) this.idle.add(conn);
  }

  drain(): void {
    this.draining = true;
    this.idle.stop();
    for (const c of this.conns.slice()) c.drain();
  }
}

/** ip:port of an endpoint as the pool dials it: its proxy's inbound port when that takes a transport header. */
export function dialAddr(info: EndpointInfo): SocketAddr {
  return info.tls !== null && info.transportPort > 0 ? { ip: info.addr.ip, port: info.transportPort } : info.addr;
}
