import type { Clock, Timer } from '../../lib/clock.ts';

/** Exponential backoff with full jitter in its upper half: base, doubling, at most max milliseconds. */
export class Backoff {
  private attempt = 0;
  private timer: Timer | null = null;
  private readonly clock: Clock;
  private readonly random: () => number;
  private readonly baseMs: number;
  private readonly maxMs: number;

  constructor(clock: Clock, random: () => number, baseMs: number, maxMs: number) {
    this.clock = clock;
    this.random = random;
    this.baseMs = baseMs;
    this.maxMs = maxMs;
  }

  reset(): void {
    this.attempt = 0;
  }

  /** Calls f after the next delay. */
  schedule(f: () => void): void {
    const full = Math.min(this.maxMs, this.baseMs * 2 ** Math.min(this.attempt++, 20));
    this.timer = this.clock.after(full / 2 + (full / 2) * this.random(), f);
  }

  stop(): void {
    this.clock.cancel(this.timer);
  }
}
