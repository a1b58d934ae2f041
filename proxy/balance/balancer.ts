import type { Clock } from '../../lib/clock.ts';
import { addrText } from '../accept/addr.ts';
import { ProxyError } from '../errors.ts';
import type { Layer } from '../message/contract.ts';
import { Endpoint, type EndpointInfo, type EndpointOwner } from './endpoint.ts';
import { Gate } from './gate.ts';
import type { PoolConfig } from './pool.ts';
import type { BalanceSettings } from './settings.ts';
import { Tiers } from './tiers.ts';

export interface BalancerConfig {
  pool: PoolConfig;
  settings: BalanceSettings;
  /** layers between the balancer and each endpoint's connections */
  layers: (e: Endpoint) => Layer;
  random: () => number;
  /** told of each balancer that is made (metrics) */
  made?: (b: Balancer) => void;
}

/** What can be said of a balancer at a moment, for metrics. */
export interface BalancerState {
  /** endpoints that can be used; that cannot be connected to; that the breaker has taken out */
  ready: number;
  down: number;
  ejected: number;
  /** exchanges that wait for an endpoint */
  waiting: number;
  /** whatever comes fails at once */
  failFast: boolean;
}

/** The endpoints of one service, which of them comes next, and who waits while there is none. */
export class Balancer {
  readonly name: string;
  readonly clock: Clock;
  /** endpoints that the breaker has taken out since takeCounts */
  private ejections = 0;
  /** endpoints that came and went since then */
  private added = 0;
  private removed = 0;
  /** told of each exchange that waited for an endpoint, and how long: milliseconds */
  onWaited: ((ms: number) => void) | null = null;
  closed = false;
  private readonly config: BalancerConfig;
  private readonly owner: EndpointOwner;
  private readonly byAddr = new Map<string, Endpoint>();
  private readonly gate: Gate;
  private tiers: Tiers;
  private readonly listeners: (() => void)[] = [];
  /** an update came: the service is known */
  private known = false;

  constructor(name: string, config: BalancerConfig) {
    this.name = name;
    this.config = config;
    this.clock = config.pool.clock;
    this.tiers = this.arrange();
    this.owner = {
      ...config,
      mayEject: () => this.canSpare(),
      onUp: () => this.gate.open(),
      onDown: () => this.keepFloor(),
      onEject: () => { this.ejections++; },
    };
    this.gate = new Gate({
      clock: this.clock, capacity: config.settings.capacity, failFastMs: config.settings.failFastMs, name,
      retryAt: () => this.retryAt(), why: () => this.noEndpoint(), waited: (ms) => this.onWaited?.(ms),
    });
    config.made?.(this);
  }

  get size(): number {
    return this.byAddr.size;
  }

  /** What has happened since the last call. */
  takeCounts(): { ejections: number; failFasts: number; added: number; removed: number } {
    const counts = { ejections: this.ejections, failFasts: this.gate.shuts, added: this.added, removed: this.removed };
    this.ejections = this.gate.shuts = this.added = this.removed = 0;
    return counts;
  }

  state(): BalancerState {
    const s = { ready: 0, down: 0, ejected: 0, waiting: this.gate.waiting, failFast: this.gate.failFast };
    for (const e of this.byAddr.values()) {
      if (e.ejected) s.ejected++;
      else if (e.ready) s.ready++;
      else s.down++;
    }
    return s;
  }

  /** Adds endpoints or replaces those whose description changed. Exchanges that run on a replaced one are not disturbed. */
  add(infos: EndpointInfo[]): void {
    for (const info of infos) {
      const key = addrText(info.addr);
      const old = this.byAddr.get(key);
      if (old !== undefined && JSON.stringify(old.info) === JSON.stringify(info)) continue;
      old?.pool.drain();
      this.added++;
      this.byAddr.set(key, new Endpoint(info, this.owner));
    }
    this.changed();
  }

  remove(addrs: { ip: string; port: number }[]): void {
    for (const a of addrs) {
      const key = addrText(a);
      this.byAddr.get(key)?.pool.drain();
      if (this.byAddr.delete(key)) this.removed++;
    }
    this.changed();
  }

  clear(): void {
    this.remove([...this.byAddr.values()].map((e) => e.info.addr));
  }

  /** Nobody uses it any more: exchanges that run are finished. */
  close(): void {
    this.closed = true;
    this.clear();
  }

  private changed(): void {
    this.known = true;
    for (const f of this.listeners.splice(0)) f();
    this.tiers = this.arrange();
    this.keepFloor();
    if (this.retryAt() <= this.clock.now()) this.gate.open();
  }

  private arrange(): Tiers {
    return new Tiers(this.byAddr.values(), this.config.settings.slowStartMs, this.clock, this.config.random);
  }

  /** The endpoint for the next exchange, never one of `tried` while another is available; null when none is. `key` as in Tiers. */
  pick(tried: readonly Endpoint[] | null, key = -1): Endpoint | null {
    return this.tiers.pick(tried, key);
  }

  /** An exchange could be sent somewhere at this moment: what failover goes by. */
  get available(): boolean {
    const now = this.clock.now();
    for (const e of this.byAddr.values()) if (e.available(now)) return true;
    return false;
  }

  /** Nothing has been heard of its endpoints yet. */
  get awaited(): boolean {
    return !this.known;
  }

  /** Calls f as soon as something has been heard of its endpoints. */
  whenHeard(f: () => void): void {
    if (this.known) f();
    else this.listeners.push(f);
  }

  /** Waits until an endpoint may be usable, then calls retry; fails when that takes too long, or too many wait. Returns the way to stop waiting. */
  wait(retry: () => void, failed: (e: ProxyError) => void): () => void {
    return this.gate.wait(retry, failed);
  }

  /** clock.now from which an endpoint can be tried; Infinity without endpoints. */
  private retryAt(): number {
    let at = Infinity;
    for (const e of this.byAddr.values()) at = Math.min(at, e.retryAt);
    return at;
  }

  /** endpoints that have to stay, whatever they answer */
  private get floor(): number {
    return this.config.settings.breaker?.minReady ?? 0;
  }

  private get ready(): number {
    let n = 0;
    for (const e of this.byAddr.values()) if (e.ready) n++;
    return n;
  }

  /** Taking one endpoint out leaves as many as there have to be. */
  private canSpare(): boolean {
    return this.floor === 0 || this.ready > this.floor;
  }

  /** Endpoints that were taken out come back when others are lost in another way. */
  private keepFloor(): void {
    if (this.floor === 0) return;
    let missing = this.floor - this.ready;
    for (const e of this.byAddr.values()) {
      if (missing <= 0) return;
      if (!e.ejected) continue;
      e.readmit();
      if (e.ready) missing--;
    }
  }

  private noEndpoint(): ProxyError {
    const { name } = this;
    if (!this.known) return new ProxyError('FAIL_FAST', `discovery has not answered for ${name}`);
    if (this.size === 0) return new ProxyError('NO_ENDPOINTS', `${name} has no ready endpoint`);
    const { ejected } = this.state();
    const why = ejected === 0 ? 'can be connected to' : `is in use: ${ejected} failed too often and the others cannot be connected to`;
    return new ProxyError('FAIL_FAST', `none of the ${this.size} endpoints of ${name} ${why}`);
  }
}
