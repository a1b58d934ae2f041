import type { Clock, Timer } from '../../lib/clock.ts';
import type { ClientConnection } from '../message/contract.ts';

/** What is known of a connection besides: the pool's note is on itself, since a Map that every request changes gives the collector work (http2/stream-table.ts). */
export interface Idle extends ClientConnection {
  /** how long its server keeps it, seconds; -1 or absent when the server did not say */
  readonly keepAliveTimeout?: number;
  /** clock.now at which it is closed, whole milliseconds; 0 or absent while it is in use */
  idleUntil?: number;
}

/** A connection is given up this long before its server does so, or a request could meet the server's close on the way. Milliseconds. */
const MARGIN_MS = 1_000;

/** HTTP/1 connections that nobody uses, the one used last first. Those unused for too long are closed. */
export class IdleConnections {
  /** by time of return; those that closed or were taken meanwhile are passed over */
  private readonly stack: Idle[] = [];
  private timer: Timer | null = null;
  private dueAt = Infinity;
  private readonly clock: Clock;
  private readonly idleMs: number;

  constructor(clock: Clock, idleMs: number) {
    this.clock = clock;
    this.idleMs = idleMs;
  }

  /** Looking through busy ones would cost their number with every request. */
  take(): ClientConnection | null {
    for (let c = this.stack.pop(); c !== undefined; c = this.stack.pop()) {
      c.idleUntil = 0;
      if (c.capacity > 0) return c;
    }
    return null;
  }

  add(conn: Idle): void {
    if (isIdle(conn)) return;
    const seconds = conn.keepAliveTimeout ?? -1;
    const server = seconds < 0 ? Infinity : Math.max(seconds * 500, seconds * 1000 - MARGIN_MS);
    const at = Math.ceil(this.clock.now() + Math.min(this.idleMs, server));
    conn.idleUntil = at;
    this.stack.push(conn);
    if (at < this.dueAt) this.arm(at);
  }

  remove(conn: Idle): void {
    if (!isIdle(conn)) return;
    conn.idleUntil = 0;
    this.stack.splice(this.stack.indexOf(conn), 1);
  }

  stop(): void {
    this.clock.cancel(this.timer);
    this.timer = null;
    this.dueAt = Infinity;
  }

  private arm(at: number): void {
    this.clock.cancel(this.timer);
    this.dueAt = at;
    this.timer = this.clock.after(Math.max(0, at - this.clock.now()), () => this.sweep());
  }

  private sweep(): void {
    this.stop();
    const now = this.clock.now();
    let next = Infinity;
    const over: Idle[] = [];
    for (const conn of this.stack) {
      if (conn.idleUntil! <= now) over.push(conn);
      else next = Math.min(next, conn.idleUntil!);
    }
    for (const conn of over) {
      this.remove(conn);
      conn.drain();
    }
    if (next < Infinity) this.arm(Math.max(next, now + MIN_SWEEP_MS));
  }
}

/** One sweep closes all that are due about now. Milliseconds. */
const MIN_SWEEP_MS = 100;

function isIdle(conn: Idle): boolean {
  return (conn.idleUntil ?? 0) > 0;
}
