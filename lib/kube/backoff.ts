import type { Clock } from '../clock.ts';

/** Resolves after `ms`, or at once when the signal aborts. */
export function sleep(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clock.cancel(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.after(ms, done);
    signal.addEventListener('abort', done, { once: true });
  });
}

export interface Backoff {
  /** Milliseconds to wait before the next attempt; doubles with every call, with jitter, up to the cap. */
  next(): number;
  /** The last attempt did well. */
  reset(): void;
}

/**
 * Exponential backoff with equal jitter: half of the step is fixed, half is random, so that many clients spread out and none is immediate.
 * `random` gives numbers in [0, 1).
 */
export function backoff(random: () => number, firstMs = 200, capMs = 15_000): Backoff {
  let step = firstMs;
  return {
    next() {
      const wait = step / 2 + (random() * step) / 2;
      step = Math.min(step * 2, capMs);
      return wait;
    },
    reset() {
      step = firstMs;
    },
  };
}
