/** One run: its progress, the signal that ends it, and what has to be undone so that it leaves nothing behind. */
import { exec, interruptible, type Exec } from '../cluster/exec.ts';
import { elapsedProgress, longStep } from '../cluster/progress.ts';
import type { Progress } from '../cluster/provider.ts';
import { explain, Interrupted } from './errors.ts';

interface Undo {
  /** completes "Removing …" */
  what: string;
  work: () => Promise<void>;
}

export interface Run {
  /** one line with the time since the start */
  readonly log: Progress;
  /** aborted on Ctrl-C, and when a part of `together` failed */
  readonly signal: AbortSignal;
  /** runs programs; they end with the signal */
  readonly exec: Exec;
  /** Does work as a step with progress. Throws Interrupted if the run was told to stop meanwhile. */
  step<T>(what: string, work: () => Promise<T>): Promise<T>;
  /** Does several things side by side; when one fails the others are told to stop, and are over when it throws. */
  together<T extends readonly unknown[]>(...work: { [K in keyof T]: () => Promise<T[K]> }): Promise<T>;
  /** Notes what takes back something that is about to be created; the last is undone first. */
  onTakeBack(what: string, work: () => Promise<void>): void;
  /** Undoes all that was noted and ends the run; goes on after a failure. Returns what could not be undone, in words. */
  takeBack(): Promise<string[]>;
  /** Leaves what was noted as it is. */
  keepAll(): void;
  /** Notes what is done when the run is over, however it went. */
  atEnd(work: () => Promise<void>): void;
  /** Ends what is being done. */
  stop(): void;
}

export function startRun(write: (text: string) => void, run: Exec = exec): Run {
  const log = elapsedProgress(write);
  const stopping = new AbortController();
  const { signal } = stopping;
  let undo: Undo[] = [];
  const last: (() => Promise<void>)[] = [];
  let told = false;

  const self: Run = {
    log,
    signal,
    exec: interruptible(run, signal),
    async step(what, work) {
      if (signal.aborted) throw new Interrupted('Stopped.');
      try {
        return await longStep(log, what, work);
      } catch (error) {
        if (told) throw new Interrupted('Stopped.', { cause: error });
        throw error;
      }
    },
    async together(...work) {
      let first: { error: unknown } | undefined;
      const results = await Promise.all(work.map((one) => one().catch((error: unknown) => {
        first ??= { error };
        stopping.abort();
      })));
      if (first) throw first.error;
      return results as never;
    },
    onTakeBack: (what, work) => void undo.push({ what, work }),
    async takeBack() {
      const failures: string[] = [];
      for (const { what, work } of undo.toReversed()) {
        await longStep(log, `Removing ${what}`, work).catch((error: unknown) => failures.push(`${what}: ${explain(error)}`));
      }
      undo = [];
      for (const work of last.splice(0)) await work();
      return failures;
    },
    keepAll: () => void (undo = []),
    atEnd: (work) => void last.push(work),
    stop() {
      told = true;
      stopping.abort();
    },
  };
  return self;
}

/** Rejects with Interrupted when the signal is aborted before the work is done; for work that cannot be told to stop and leaves nothing behind. */
export function abandonable<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(new Interrupted('Stopped.'));
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
