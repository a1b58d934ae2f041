import type { Clock, Timer } from '../../lib/clock.ts';

/** Fetches the exposition of one proxy. Rejects on any failure, a timeout included. */
export type Fetch = (ip: string, port: number, signal: AbortSignal) => Promise<string>;

export interface Target { key: string; ip: string; port: number }

export interface ScraperOptions {
  clock: Clock;
  fetch: Fetch;
  /** in [0, 1) */
  random: () => number;
  intervalMs: number;
  timeoutMs: number;
  /** scrapes under way at a time */
  concurrency: number;
  /** a scrape of `target` came in; `at` in clock milliseconds is when it was asked for */
  scraped: (target: Target, text: string, at: number) => void;
  failed: (target: Target, error: unknown) => void;
}

export interface Scraper {
  /** Starts scraping a target, or goes on with it at another address. */
  add(target: Target): void;
  remove(key: string): void;
  stop(): Promise<void>;
}

interface State { target: Target; timer: Timer | undefined; busy: boolean; gone: boolean }

/**
 * Scrapes each target every interval, at a moment of its own within it so that the load is even. A target that is slow, or has to wait for its
 * turn, skips a beat and never piles up.
 */
export function startScraper({ clock, fetch, random, intervalMs, timeoutMs, concurrency, scraped, failed }: ScraperOptions): Scraper {
  const states = new Map<string, State>();
  const waiting: State[] = [];
  const ended = new AbortController();
  const running = new Set<Promise<void>>();

  function plan(state: State, ms: number): void {
    state.timer = clock.after(ms, () => {
      plan(state, intervalMs);
      if (state.busy) return;
      state.busy = true;
      waiting.push(state);
      next();
    });
  }

  function next(): void {
    while (running.size < concurrency) {
      const state = waiting.shift();
      if (state === undefined) return;
      if (state.gone) continue;
      const run = scrape(state).finally(() => {
        running.delete(run);
        state.busy = false;
        next();
      });
      running.add(run);
    }
  }

  async function scrape(state: State): Promise<void> {
    const { target } = state;
    const at = clock.now();
    const limit = new AbortController();
    const timer = clock.after(timeoutMs, () => limit.abort(new Error(`no answer within ${timeoutMs} ms`)));
    try {
      const text = await fetch(target.ip, target.port, AbortSignal.any([ended.signal, limit.signal]));
      if (!state.gone) scraped(target, text, at);
    } catch (error) {
      if (!state.gone) failed(target, error);
    } finally {
      clock.cancel(timer);
    }
  }

  return {
    add(target) {
      const known = states.get(target.key);
      if (known !== undefined) {
        known.target = target;
        return;
      }
      const state: State = { target, timer: undefined, busy: false, gone: false };
      states.set(target.key, state);
      plan(state, random() * intervalMs);
    },
    remove(key) {
      const state = states.get(key);
      if (state === undefined) return;
      states.delete(key);
      state.gone = true;
      clock.cancel(state.timer);
    },
    async stop() {
      for (const key of Array.from(states.keys())) this.remove(key);
      ended.abort();
      await Promise.all(running);
    },
  };
}
