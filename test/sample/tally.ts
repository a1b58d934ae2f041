import { createHistogram } from 'node:perf_hooks';

/** Totals of one target since the start. */
export interface Totals {
  ok: number;
  failed: number;
  /** failures that the target was told to make */
  onPurpose: number;
  /** how often each reason for a failure was seen */
  reasons: Record<string, number>;
}

/** Counts what became of the calls to one target. */
export class Tally {
  readonly name: string;
  readonly totals: Totals = { ok: 0, failed: 0, onPurpose: 0, reasons: {} };
  #latency = createHistogram();
  #before = { ok: 0, failed: 0, onPurpose: 0 };

  constructor(name: string) {
    this.name = name;
  }

  ok(ms: number): void {
    this.totals.ok++;
    this.#record(ms);
  }

  onPurpose(ms: number): void {
    this.totals.onPurpose++;
    this.#record(ms);
  }

  failed(why: string): void {
    this.totals.failed++;
    this.totals.reasons[why] = (this.totals.reasons[why] ?? 0) + 1;
  }

  #record(ms: number): void {
    this.#latency.record(Math.max(1, Math.round(ms * 1000)));
  }

  /** What happened since the last call of summary, e.g. `web 200 ok 0 failed p50 2.1 ms p99 9.0 ms`. */
  summary(): string {
    const { ok, failed, onPurpose } = this.totals;
    const before = this.#before;
    this.#before = { ok, failed, onPurpose };
    const ms = (percentile: number) => (this.#latency.percentile(percentile) / 1000).toFixed(1);
    const parts = [`${this.name} ${ok - before.ok} ok ${failed - before.failed} failed`];
    if (onPurpose > 0) parts.push(`${onPurpose - before.onPurpose} failed on purpose`);
    if (this.#latency.count > 0) parts.push(`p50 ${ms(50)} ms p99 ${ms(99)} ms`);
    this.#latency.reset();
    return parts.join(' ');
  }
}
