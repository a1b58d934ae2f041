import { BOUNDS } from './latency.ts';

/** Places of the figures of a row; from LATENCY on, one per bucket, cumulative over the bounds. */
export const FIELD = { success: 0, failure: 1, readBytes: 2, writeBytes: 3, aborted: 4, delayed: 5, latency: 6 } as const;
export const FIELDS = FIELD.latency + BOUNDS.length;

interface Step { from: number; to: number; growth: Float64Array }

/**
 * How counters grew, step by step, each step being the time between two scrapes. Steps without growth are not kept, so that an idle pod
 * costs nothing. Times are milliseconds on one clock.
 */
export class History {
  #steps: Step[] = [];

  /** Growth of a field from `from` to `to`; calls of one step come together. */
  add(from: number, to: number, field: number, growth: number): void {
    let last = this.#steps.at(-1);
    if (last === undefined || last.to !== to) {
      last = { from, to, growth: new Float64Array(FIELDS) };
      this.#steps.push(last);
    }
    last.growth[field]! += growth;
  }

  /** Adds to `sum` what grew in [from, to]; a step that lies there in part counts in that part. */
  sumInto(sum: Float64Array, from: number, to: number): void {
    for (const step of this.#steps) {
      const overlap = Math.min(step.to, to) - Math.max(step.from, from);
      if (overlap <= 0) continue;
      const share = Math.min(1, overlap / (step.to - step.from));
      for (let i = 0; i < FIELDS; i++) sum[i]! += step.growth[i]! * share;
    }
  }

  /** Forgets what ended before `time`. */
  prune(time: number): void {
    if (this.#steps.length > 0 && this.#steps[0]!.to < time) this.#steps = this.#steps.filter((s) => s.to >= time);
  }

  get empty(): boolean {
    return this.#steps.length === 0;
  }
}
