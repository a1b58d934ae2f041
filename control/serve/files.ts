import { readFile } from 'node:fs/promises';
import type { Clock, Timer } from '../../lib/clock.ts';

export const POLL_MS = 5000;

/** Texts of the files in the order of the paths; null for one that cannot be read. */
export type Contents = readonly (string | null)[];

export async function readTexts(paths: readonly string[]): Promise<Contents> {
  return Promise.all(paths.map((path) => readFile(path, 'utf8').catch(() => null)));
}

/**
 * Calls back when the texts differ from `known` and whenever they change again. Polls, because mounted ConfigMaps and Secrets change by a swap of
 * symbolic links above the file, which inotify on the path does not see. Files of one volume change together: a set that still changes
 * between two readings in a row is not reported until it holds still.
 */
export function watchTexts(paths: readonly string[], known: Contents, clock: Clock, onChange: (contents: Contents) => void): { stop(): void } {
  let reported = known;
  let stopped = false;
  let timer: Timer | null = null;
  const same = (a: Contents, b: Contents): boolean => a.every((text, i) => text === b[i]);
  const poll = async (): Promise<void> => {
    const seen = await readTexts(paths);
    if (!same(seen, reported) && same(seen, await readTexts(paths)) && !stopped) {
      reported = seen;
      onChange(seen);
    }
    if (!stopped) timer = clock.after(POLL_MS, () => void poll());
  };
  timer = clock.after(POLL_MS, () => void poll());
  return {
    stop() {
      stopped = true;
      clock.cancel(timer);
    },
  };
}
