/** Progress lines with the time since the start, and a sign of life while something long runs. */
import type { Progress } from './provider.ts';

export interface Clock {
  /** milliseconds, from any start */
  now(): number;
  /** calls back every `ms` until the returned function is called */
  every(ms: number, tick: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  every: (ms, tick) => {
    const timer = setInterval(tick, ms);
    return () => clearInterval(timer);
  },
};

/** "[  3.2s] text", one a line. */
export function elapsedProgress(write: (text: string) => void, clock: Clock = systemClock): Progress {
  const start = clock.now();
  return (line) => write(`[${seconds(clock.now() - start).padStart(7)}] ${line}\n`);
}

const HEARTBEAT_MS = 15_000;

/** Says what is done, repeats it every 15 s with the time it has taken and `detail()`, and says when it is over. */
export async function longStep<T>(log: Progress, what: string, work: () => Promise<T>, detail: () => string = () => '', clock: Clock = systemClock): Promise<T> {
  const start = clock.now();
  log(`${what} ...`);
  const stop = clock.every(HEARTBEAT_MS, () => {
    const more = detail();
    log(`${what}: ${seconds(clock.now() - start)} so far${more === '' ? '' : `, ${more}`}`);
  });
  try {
    const result = await work();
    log(`${what}: done in ${seconds(clock.now() - start)}`);
    return result;
  } finally {
    stop();
  }
}

/** 3.2s, 75.0s, 4m05s */
export function seconds(ms: number): string {
  const total = ms / 1000;
  if (total < 100) return `${total.toFixed(1)}s`;
  return `${Math.floor(total / 60)}m${String(Math.floor(total % 60)).padStart(2, '0')}s`;
}
