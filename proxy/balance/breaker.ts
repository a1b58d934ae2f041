import type { Clock } from '../../lib/clock.ts';
import { pauseMs } from '../layers/backoff.ts';
import type { AccrualPolicy } from '../policy/outbound/model.ts';

export interface BreakerDeps {
  clock: Clock;
  random: () => number;
  /** whether the balancer can do without this endpoint */
  mayEject: () => boolean;
}

/**
 * Takes an endpoint out of the balancer that fails: after so many failures in a row, or when its success rate, a moving average, falls below a threshold
 * (outbound.proto FailureAccrual). After a pause one request probes it: a success brings it back, another failure doubles the pause.
 */
export class Breaker {
  private readonly policy: AccrualPolicy;
  private readonly deps: BreakerDeps;
  /** clock.now at which it may be probed; -1 while it is in the balancer */
  private probeAt = -1;
  private pauses = 0;
  private inRow = 0;
  private good = 0;
  private all = 0;
  private at = 0;

  constructor(policy: AccrualPolicy, deps: BreakerDeps) {
    this.policy = policy;
    this.deps = deps;
  }

  get ejected(): boolean {
    return this.probeAt >= 0;
  }

  /** clock.now from which a request may be sent; 0 when one may be sent always */
  get openFrom(): number {
    return Math.max(0, this.probeAt);
  }

  /** A request is given to it: true when that is its probe. Until a pause later there is no other, answered or not. */
  picked(): boolean {
    if (this.probeAt < 0) return false;
    this.pause(-1);
    return true;
  }

  /** A response was good. true when that brings the endpoint back. */
  succeeded(probe: boolean): boolean {
    if (this.probeAt < 0) {
      this.inRow = 0;
      this.count(1);
      return false;
    }
    // What was under way when it was taken out says nothing new.
    if (!probe) return false;
    this.readmit();
    return true;
  }

  /** A response was a failure, and asked for a pause of `hintMs` (-1: it did not). true when that takes the endpoint out. */
  failed(probe: boolean, hintMs: number): boolean {
    if (this.probeAt >= 0) {
      if (!probe) return false;
      this.pauses++;
      this.pause(hintMs);
      return false;
    }
    this.inRow++;
    this.count(0);
    if (!this.judged() || !this.deps.mayEject()) return false;
    this.pauses = 1;
    this.pause(hintMs);
    return true;
  }

  /** Back in without a probe: the balancer cannot do without it any more. */
  readmit(): void {
    this.probeAt = -1;
    this.pauses = this.inRow = this.good = this.all = 0;
  }

  private pause(hintMs: number): void {
    const { clock, random } = this.deps;
    this.probeAt = clock.now() + pauseMs(this.policy.backoff, this.pauses, hintMs, random);
  }

  private judged(): boolean {
    const { maxFailures, successRate, minRequests } = this.policy;
    if (maxFailures > 0 && this.inRow >= maxFailures) return true;
    return successRate > 0 && this.all >= minRequests && this.good < this.all * successRate;
  }

  private count(good: 0 | 1): void {
    const { successRate, decayMs } = this.policy;
    if (successRate === 0) return;
    const now = this.deps.clock.now();
    const keep = decayMs === 0 ? 1 : Math.exp((this.at - now) / decayMs);
    this.at = now;
    this.good = this.good * keep + good;
    this.all = this.all * keep + 1;
  }
}
