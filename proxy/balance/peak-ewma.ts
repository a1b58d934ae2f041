/**
 * Peak-sensitive exponentially weighted moving average of a round-trip time (Finagle's Peak EWMA, as in Linkerd): a slower sample counts at once, faster
 * ones are believed slowly, and without samples the estimate decays towards them.
 */
export class PeakEwma {
  /** something was */
  measured = false;
  private rtt: number;
  private at: number;
  private readonly decayMs: number;

  /** `initialMs` is assumed until something was measured */
  constructor(now: number, initialMs = 30, decayMs = 10_000) {
    this.rtt = initialMs;
    this.at = now;
    this.decayMs = decayMs;
  }

  observe(rttMs: number, now: number): void {
    this.measured = true;
    if (rttMs > this.rtt) this.rtt = rttMs;
    else {
      const keep = Math.exp(-(now - this.at) / this.decayMs);
      this.rtt = this.rtt * keep + rttMs * (1 - keep);
    }
    this.at = now;
  }

  /** milliseconds */
  value(now: number): number {
    return this.rtt * Math.exp(-Math.max(0, now - this.at) / this.decayMs);
  }
}
