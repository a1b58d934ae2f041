import { Interrupted } from './errors.ts';
import type { Io } from './io.ts';

export interface PollOptions {
  timeoutMs: number;
  intervalMs?: number;
  /** goes on although the signal is aborted */
  clearingUp?: boolean;
}

/** Calls `probe` until it answers something other than undefined; undefined when the time is up. Throws Interrupted. */
export async function poll<R>(io: Io, options: PollOptions, probe: () => Promise<R | undefined>): Promise<R | undefined> {
  const until = io.now() + options.timeoutMs;
  for (;;) {
    if (io.signal.aborted && !options.clearingUp) throw new Interrupted();
    const result = await probe();
    if (result !== undefined) return result;
    if (io.now() >= until) return undefined;
    await io.sleep(options.intervalMs ?? 500, options.clearingUp);
  }
}

/** Runs `work` on every item, `width` at a time, and keeps the order of the results. */
export async function inParallel<T, R>(items: readonly T[], width: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = Array.from({ length: items.length });
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index]!);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane));
  return results;
}
