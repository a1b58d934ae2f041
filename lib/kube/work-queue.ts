import type { Clock, Timer } from '../clock.ts';
import { backoff } from './backoff.ts';
import type { Backoff } from './backoff.ts';

export interface WorkQueueOptions {
  /** Brings one key in order; a rejection means again later. Never runs twice at a time for one key. */
  work: (key: string) => Promise<void>;
  onError: (key: string, error: unknown, retryInMs: number) => void;
  clock: Clock;
  random?: () => number;
  /** keys worked on at a time; default 8 */
  concurrency?: number;
}

export interface WorkQueue {
  /** Asks for work on a key, once, however often it is asked; while it is worked on, once more afterwards. */
  add(key: string): void;
  /** Drops a key and its retries. */
  forget(key: string): void;
  /** Takes no more work and waits for what is running. */
  stop(): Promise<void>;
}

/** Keys to reconcile, in order of arrival, with bounded concurrency and a backoff of its own for each key that fails. */
export function workQueue({ work, onError, clock, random = Math.random, concurrency = 8 }: WorkQueueOptions): WorkQueue {
  const waiting = new Set<string>();
  const running = new Map<string, Promise<void>>();
  const again = new Set<string>();
  const failing = new Map<string, { backoff: Backoff; timer: Timer | undefined }>();
  let stopped = false;

  function pump(): void {
    for (const key of waiting) {
      if (stopped || running.size >= concurrency) return;
      waiting.delete(key);
      running.set(key, run(key));
    }
  }

  async function run(key: string): Promise<void> {
    try {
      await work(key);
      failing.delete(key);
    } catch (error) {
      if (!stopped) retry(key, error);
    }
    running.delete(key);
    if (again.delete(key)) waiting.add(key);
    pump();
  }

  function retry(key: string, error: unknown): void {
    const state = failing.get(key) ?? { backoff: backoff(random), timer: undefined };
    failing.set(key, state);
    const wait = state.backoff.next();
    onError(key, error, wait);
    state.timer = clock.after(wait, () => {
      state.timer = undefined;
      if (failing.get(key) === state) add(key);
    });
  }

  function add(key: string): void {
    if (stopped) return;
    if (running.has(key)) {
      again.add(key);
      return;
    }
    waiting.add(key);
    pump();
  }

  return {
    add,
    forget(key) {
      waiting.delete(key);
      again.delete(key);
      clock.cancel(failing.get(key)?.timer);
      failing.delete(key);
    },
    async stop() {
      stopped = true;
      waiting.clear();
      again.clear();
      for (const { timer } of failing.values()) clock.cancel(timer);
      await Promise.all(running.values());
    },
  };
}
