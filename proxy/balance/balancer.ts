import type { Clock, Timer } from '../../lib/clock.ts';
import { addrText } from '../accept/addr.ts';
import { ProxyError } from '../errors.ts';
import type { Layer } from '../message/contract.ts';
import { Endpoint, type EndpointInfo } from './endpoint.ts';
import type { PoolConfig } from './pool.ts';

export interface BalancerConfig {
  pool: PoolConfig;
  /** how long an exchange waits for an endpoint before it fails with FAIL_FAST */
  failFastMs: number;
  /** exchanges that may wait at a time; more are shed */
  maxWaiting: number;
  /** layers between the balancer and each endpoint's connections */
  layers: (e: Endpoint) => Layer;
  random: () => number;
  /** told of every change of the number of endpoints */
  onSize?: (ready: number) => void;
}

interface Waiting { retry: () => void; failed: (e: ProxyError) => void; deadline: number }

/**
 * The endpoints of one service, and which of them comes next: of two drawn at random, the one with the smaller load (power of two choices over
 * peak EWMA times what is in flight).
 */
export class Balancer {
  readonly name: string;
  readonly clock: Clock;
  private readonly config: BalancerConfig;
  private readonly byAddr = new Map<string, Endpoint>();
  private endpoints: Endpoint[] = [];
  private waiting: Waiting[] = [];
  private timer: Timer | null = null;
  /** the service is known to exist, or an update came */
  private known = false;

  constructor(name: string, config: BalancerConfig) {
    this.name = name;
    this.config = config;
    this.clock = config.pool.clock;
  }

  get size(): number {
    return this.endpoints.length;
  }

  /** Adds endpoints or replaces those whose description changed. */
  add(infos: EndpointInfo[]): void {
    for (const info of infos) {
      const key = addrText(info.addr);
      const old = this.byAddr.get(key);
      if (old !== undefined && JSON.stringify(old.info) === JSON.stringify(info)) continue;
      old?.pool.drain();
      this.byAddr.set(key, new Endpoint(info, this.config.pool, this.config.layers));
    }
    this.changed();
  }

  remove(addrs: { ip: string; port: number }[]): void {
    for (const a of addrs) {
      const key = addrText(a);
      this.byAddr.get(key)?.pool.drain();
      this.byAddr.delete(key);
    }
    this.changed();
  }

  clear(): void {
    this.remove([...this.byAddr.values()].map((e) => e.info.addr));
  }

  private changed(): void {
    this.known = true;
    this.endpoints = [...this.byAddr.values()];
    this.config.onSize?.(this.endpoints.length);
    this.wake();
  }

  /** The endpoint for the next exchange, never one of `tried` while there is another; null when none can be used now. */
  pick(tried: readonly Endpoint[] | null): Endpoint | null {
    const now = this.clock.now();
    let all = this.endpoints;
    const n = all.length;
    if (n === 0) return null;
    const { random } = this.config;
    if (tried === null) {
      // Two draws settle nearly every pick; the slow path looks at everybody.
      const a = all[(random() * n) | 0]!;
      const b = all[(random() * n) | 0]!;
      const aUp = a.available(now);
      const bUp = b.available(now);
      if (aUp && bUp) return b.load(now) < a.load(now) ? b : a;
    }
    all = all.filter((e) => e.available(now));
    const fresh = tried === null ? all : all.filter((e) => !tried.includes(e));
    const from = fresh.length > 0 ? fresh : all;
    if (from.length === 0) return null;
    const a = from[(random() * from.length) | 0]!;
    const b = from[(random() * from.length) | 0]!;
    return b.load(now) < a.load(now) ? b : a;
  }

  /** Waits until an endpoint may be usable, then calls retry; or fails at `deadline` (clock.now). Returns the way to stop waiting. */
  wait(deadline: number, retry: () => void, failed: (e: ProxyError) => void): () => void {
    if (this.waiting.length >= this.config.maxWaiting) {
      failed(new ProxyError('LOAD_SHED', `${this.waiting.length} requests wait for an endpoint of ${this.name}`));
      return () => {};
    }
    const w: Waiting = { retry, failed, deadline };
    this.waiting.push(w);
    this.arm();
    return () => {
      const i = this.waiting.indexOf(w);
      if (i >= 0) this.waiting.splice(i, 1);
    };
  }

  deadline(): number {
    return this.clock.now() + this.config.failFastMs;
  }

  private arm(): void {
    this.clock.cancel(this.timer);
    this.timer = null;
    if (this.waiting.length === 0) return;
    let at = Infinity;
    for (const w of this.waiting) at = Math.min(at, w.deadline);
    for (const e of this.endpoints) at = Math.min(at, e.retryAt);
    this.timer = this.clock.after(Math.max(5, at - this.clock.now()), () => this.wake());
  }

  private wake(): void {
    const now = this.clock.now();
    const batch = this.waiting;
    this.waiting = [];
    for (const w of batch) {
      if (this.endpoints.some((e) => e.available(now))) w.retry();
      else if (now >= w.deadline) w.failed(this.noEndpoint());
      else this.waiting.push(w);
    }
    this.arm();
  }

  private noEndpoint(): ProxyError {
    if (!this.known) return new ProxyError('FAIL_FAST', `discovery has not answered for ${this.name}`);
    if (this.endpoints.length === 0) return new ProxyError('NO_ENDPOINTS', `${this.name} has no ready endpoint`);
    return new ProxyError('FAIL_FAST', `none of the ${this.endpoints.length} endpoints of ${this.name} can be connected to`);
  }
}
