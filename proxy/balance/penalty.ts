import type { LoadSettings } from './settings.ts';

/**
 * What the failures of an endpoint add to its latency, so that one which fails fast does not look fast. Failures count as an average over time: an endpoint
 * of which one response in ten fails costs a tenth of the penalty more. A response that asks for less traffic counts at once and in full.
 */
export class Penalty {
  private readonly settings: LoadSettings;
  private ms = 0;
  private at = 0;

  constructor(settings: LoadSettings) {
    this.settings = settings;
  }

  /** milliseconds */
  value(now: number): number {
    return this.ms === 0 ? 0 : this.ms * Math.exp((this.at - now) / this.settings.penaltyDecayMs);
  }

  /** Most responses are fine, and cost nothing here while there is nothing to forget. */
  succeeded(now: number): void {
    if (this.ms === 0) return;
    this.ms *= this.keep(now);
    if (this.ms < 0.01) this.ms = 0;
  }

  failed(now: number): void {
    const { penaltyMs } = this.settings;
    if (penaltyMs === 0) return;
    const keep = this.keep(now);
    this.ms = this.ms * keep + penaltyMs * (1 - keep);
  }

  /** How much of the average a response leaves: it stands for the time since the one before, and for a hundredth of the whole at least, or bursts would not count. */
  private keep(now: number): number {
    const { penaltyDecayMs } = this.settings;
    const ms = Math.max(now - this.at, penaltyDecayMs / 100);
    this.at = now;
    return Math.exp(-ms / penaltyDecayMs);
  }

  /** At least this much from now on. */
  atLeast(ms: number, now: number): void {
    this.ms = Math.max(this.value(now), ms);
    this.at = now;
  }
}
