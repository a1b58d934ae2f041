import type { Clock } from '../../lib/clock.ts';

/** outbound.proto RetryBudget: beside the requests of the last window there may be this many retries. */
export interface BudgetConfig {
  clock: Clock;
  /** retries for each request of the window; 0.2 is one for five */
  ratio: number;
  /** retries that are always allowed, for each second of the window */
  minPerSecond: number;
  /** length of the window, milliseconds */
  windowMs: number;
}

const SLOTS = 10;

/**
 * Counts the requests and the retries of a sliding window, so that retries cannot multiply the load of a service that is failing already. The window moves in
 * tenths; a tenth that is only partly inside counts for the retries and not for the requests, so that a retry is never allowed which would be one too many for the window before it.
 */
export class RetryBudget {
  private readonly config: BudgetConfig;
  private readonly slotMs: number;
  private readonly reserve: number;
  private readonly requests = new Uint32Array(SLOTS);
  private readonly retries = new Uint32Array(SLOTS + 1);
  private slot: number;

  constructor(config: BudgetConfig) {
    this.config = config;
    this.slotMs = Math.max(1, config.windowMs / SLOTS);
    this.reserve = (config.minPerSecond * config.windowMs) / 1000;
    this.slot = this.slotNow();
  }

  /** A request came for the first time. */
  request(): void {
    this.turn();
    this.requests[this.slot % SLOTS]!++;
  }

  /** Takes one retry out of the budget; false when there is none left. */
  take(): boolean {
    this.turn();
    let requests = 0;
    let retries = 0;
    for (const n of this.requests) requests += n;
    for (const n of this.retries) retries += n;
    if (retries + 1 > this.reserve + requests * this.config.ratio) return false;
    this.retries[this.slot % (SLOTS + 1)]!++;
    return true;
  }

  private slotNow(): number {
    return Math.floor(this.config.clock.now() / this.slotMs);
  }

  /** Forgets what has left the window. */
  private turn(): void {
    const now = this.slotNow();
    const from = Math.max(this.slot + 1, now - SLOTS);
    for (let s = from; s <= now; s++) {
      this.requests[s % SLOTS] = 0;
      this.retries[s % (SLOTS + 1)] = 0;
    }
    this.slot = Math.max(this.slot, now);
  }
}
