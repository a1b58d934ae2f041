import type { Clock, Timer } from '../../lib/clock.ts';
import { ProxyError } from '../errors.ts';

export interface GateConfig {
  clock: Clock;
  /** exchanges that may wait at a time; more are shed */
  capacity: number;
  /** the gate may be shut for this long before it fails fast; milliseconds */
  failFastMs: number;
  /** whose endpoints are waited for */
  name: string;
  /** clock.now from which an endpoint can be tried */
  retryAt: () => number;
  /** what those are told who waited in vain */
  why: () => ProxyError;
  /** told of each that waited, in vain or not, and how long: milliseconds */
  waited: (ms: number) => void;
}

interface Waiting { retry: () => void; failed: (e: ProxyError) => void; since: number }

const MIN_PAUSE_MS = 5;

/**
 * Where exchanges wait while no endpoint can be used (outbound.proto Queue). It shuts with the first of them. After failFastMs it fails fast: those that wait and all
 * that come fail at once, until an endpoint is there again. An endpoint whose pause is over is tried by one of them at a time.
 */
export class Gate {
  failFast = false;
  /** times that it began to fail fast, since somebody set this to 0 */
  shuts = 0;
  private readonly config: GateConfig;
  private queue: Waiting[] = [];
  private shutAt = -1;
  private timer: Timer | null = null;

  constructor(config: GateConfig) {
    this.config = config;
  }

  get waiting(): number {
    return this.queue.length;
  }

  wait(retry: () => void, failed: (e: ProxyError) => void): () => void {
    const { clock, capacity, name, why } = this.config;
    if (this.failFast) {
      failed(why());
      return () => {};
    }
    if (this.queue.length >= capacity) {
      failed(new ProxyError('LOAD_SHED', `${this.queue.length} requests wait for an endpoint of ${name}`));
      return () => {};
    }
    const since = clock.now();
    if (this.shutAt < 0) this.shutAt = since;
    const w: Waiting = { retry, failed, since };
    this.queue.push(w);
    this.arm();
    return () => {
      const i = this.queue.indexOf(w);
      if (i >= 0) this.queue.splice(i, 1);
    };
  }

  /** An endpoint can be used: everybody goes on. */
  open(): void {
    const { clock, waited } = this.config;
    this.failFast = false;
    this.shutAt = -1;
    clock.cancel(this.timer);
    this.timer = null;
    const batch = this.queue;
    this.queue = [];
    for (const w of batch) {
      waited(clock.now() - w.since);
      w.retry();
    }
  }

  private arm(): void {
    const { clock, failFastMs, retryAt } = this.config;
    clock.cancel(this.timer);
    this.timer = null;
    if (this.queue.length === 0) return;
    const now = clock.now();
    const at = Math.min(this.shutAt + failFastMs, Math.max(retryAt(), now + MIN_PAUSE_MS));
    this.timer = clock.after(Math.max(0, at - now), () => this.due());
  }

  private due(): void {
    this.timer = null;
    const { clock, failFastMs, retryAt, why, waited } = this.config;
    const now = clock.now();
    // Whoever tries finds either the endpoint or its way back here.
    while (this.queue.length > 0 && retryAt() <= now) {
      const w = this.queue.shift()!;
      waited(now - w.since);
      w.retry();
    }
    if (this.queue.length > 0 && now >= this.shutAt + failFastMs) {
      this.failFast = true;
      this.shuts++;
      const batch = this.queue;
      this.queue = [];
      const error = why();
      for (const w of batch) {
        waited(now - w.since);
        w.failed(error);
      }
    }
    this.arm();
  }
}
