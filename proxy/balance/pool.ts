import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../lib/clock.ts';
import type { SocketAddr } from '../accept/addr.ts';
import { ProxyError } from '../errors.ts';
import type { Dial } from '../mesh-tls/originate.ts';
import type { ClientConnection } from '../message/contract.ts';
import type { EndpointInfo } from './endpoint.ts';

export type Protocol = 'http1' | 'http2';

export interface PoolConfig {
  clock: Clock;
  /** opens a transport to the endpoint for a protocol (null: opaque bytes) */
  connect: (info: EndpointInfo, protocol: Protocol | null, done: (socket: Socket) => void, failed: (error: ProxyError) => void) => Dial;
  /** wraps a fresh socket in a codec */
  http1: (socket: Socket) => ClientConnection;
  http2: (socket: Socket) => ClientConnection;
  /** an HTTP/1 connection unused for this long is closed */
  idleMs: number;
  /** connections to one endpoint at a time, of one protocol; requests beyond wait */
  maxConnections: number;
  /** an endpoint that could not be connected to is left alone for this long, doubling to 10 s; 0: never */
  retryDelayMs: number;
}

export interface Waiter { ready: (conn: ClientConnection) => void; failed: (error: ProxyError) => void }

/**
 * The connections to one endpoint. HTTP/2: one connection, another only when all are at their stream limit. HTTP/1: one exchange a connection, most recently used
 * first, so that the surplus falls idle and is closed.
 */
export class ConnectionPool {
  private readonly lanes: Record<Protocol, Lane>;

  constructor(info: EndpointInfo, config: PoolConfig) {
    this.lanes = { http1: new Lane(info, config, 'http1'), http2: new Lane(info, config, 'http2') };
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
  /** idle HTTP/1 connections, the one used last at the end; those that closed meanwhile are passed over */
  private readonly free: ClientConnection[] = [];
  private readonly waiters: Waiter[] = [];
  private readonly dials = new Set<Dial>();
  private readonly idleSince = new Map<ClientConnection, number>();
  private sweeper: Timer | null = null;
  private draining = false;
  private readonly info: EndpointInfo;
  private readonly config: PoolConfig;
  private readonly protocol: Protocol;

  constructor(info: EndpointInfo, config: PoolConfig, protocol: Protocol) {
    this.info = info;
    this.config = config;
    this.protocol = protocol;
  }

  take(): ClientConnection | null {
    if (this.waiters.length > 0) return null;
    if (this.protocol === 'http1') return this.takeFree();
    for (const c of this.conns) if (c.capacity > 0) return c;
    return null;
  }

  /** The idle HTTP/1 connection used last; looking through busy ones would cost their number with every request. */
  private takeFree(): ClientConnection | null {
    for (let c = this.free.pop(); c !== undefined; c = this.free.pop()) {
      this.idleSince.delete(c);
      if (c.capacity > 0) return c;
    }
    return null;
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
    const conn = this.config[this.protocol](socket);
    this.conns.push(conn);
    conn.onChange = () => this.changed(conn);
    this.changed(conn);
    if (this.draining) conn.drain();
  }

  private openFailed(error: ProxyError): void {
    // An HTTP/2 dial serves everybody who waits, an HTTP/1 dial one of them.
    const losers = this.protocol === 'http2' ? this.waiters.splice(0) : this.waiters.splice(0, 1);
    for (const w of losers) w.failed(error);
  }

  private changed(conn: ClientConnection): void {
    if (conn.closed) {
      const i = this.conns.indexOf(conn);
      if (i >= 0) this.conns.splice(i, 1);
      if (this.idleSince.delete(conn)) this.free.splice(this.free.indexOf(conn), 1);
      if (this.waiters.length > this.dials.size && (this.protocol === 'http1' || this.dials.size === 0)) this.open();
      return;
    }
    while (this.waiters.length > 0 && conn.capacity > 0) this.waiters.shift()!.ready(conn);
    if (this.protocol === 'http2' && this.waiters.length > 0 && this.dials.size === 0 && this.conns.length < this.config.maxConnections) this.open();
    if (this.protocol === 'http1' && conn.active === 0 && conn.capacity > 0 && !this.idleSince.has(conn)) {
      this.idleSince.set(conn, this.config.clock.now());
      this.free.push(conn);
      this.sweeper ??= this.config.clock.after(this.config.idleMs, () => this.sweep());
    }
  }

  private sweep(): void {
    this.sweeper = null;
    const limit = this.config.clock.now() - this.config.idleMs;
    for (const [conn, since] of this.idleSince) {
      if (since > limit) continue;
      this.idleSince.delete(conn);
      const i = this.free.indexOf(conn);
      if (i >= 0) this.free.splice(i, 1);
      if (conn.active === 0) conn.drain();
    }
    if (this.idleSince.size > 0) this.sweeper = this.config.clock.after(this.config.idleMs, () => this.sweep());
  }

  drain(): void {
    this.draining = true;
    this.config.clock.cancel(this.sweeper);
    for (const c of this.conns.slice()) c.drain();
  }
}

/** ip:port of an endpoint as the pool dials it: its proxy's inbound port when that takes a transport header. */
export function dialAddr(info: EndpointInfo): SocketAddr {
  return info.tls !== null && info.transportPort > 0 ? { ip: info.addr.ip, port: info.transportPort } : info.addr;
}
