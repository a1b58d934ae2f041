import type { Clock } from '../../lib/clock.ts';
import { sleep } from '../../lib/kube/backoff.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { isNotFound, KubeError } from '../../lib/kube/error.ts';
import type { Resource } from '../../lib/kube/resources.ts';
import type { KubeObject } from '../../lib/kube/types.ts';
import type { WatchLog } from '../../lib/kube/watch.ts';

/** Which kinds of some API groups the server has right now. */
export interface Served {
  /** true after the first complete answer */
  known(): boolean;
  /** The first of these forms of a kind that is served, by its version. */
  find<T extends KubeObject>(forms: readonly Resource<T>[]): Resource<T> | undefined;
  /** calls back after the first answer, and whenever something came or went */
  onChange(listener: () => void): void;
  lastError(): KubeError | undefined;
  stop(): Promise<void>;
}

interface GroupDocument { versions: { version: string }[] }
interface VersionDocument { resources: { name: string }[] }

/** How long a CustomResourceDefinition may go unnoticed. Discovery is open to every client, and small. */
const PERIOD_MS = 10_000;
/** A kind counts as gone when it was missing this often in a row: a server that begins may not have loaded its kinds yet, and routes are not to be dropped for that. */
const MISSES = 3;

/** Asks the server's discovery again and again: kinds that an administrator adds later are found without a restart. */
export function watchServed({ client, groups, clock, log }: { client: KubeClient; groups: readonly string[]; clock: Clock; log: WatchLog }): Served {
  const ended = new AbortController();
  const listeners = new Set<() => void>();
  const missed = new Map<string, number>();
  let served: Set<string> | undefined;
  let failure: KubeError | undefined;

  async function ask<T>(path: string): Promise<T | undefined> {
    try {
      return await client.json<T>({ path, what: `discover ${path}`, signal: ended.signal });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async function discover(): Promise<Set<string>> {
    const found = new Set<string>();
    for (const group of groups) {
      const document = await ask<GroupDocument>(`/apis/${group}`);
      for (const { version } of document?.versions ?? []) {
        const list = await ask<VersionDocument>(`/apis/${group}/${version}`);
        for (const { name } of list?.resources ?? []) if (!name.includes('/')) found.add(`${group}/${version}/${name}`);
      }
    }
    return found;
  }

  /** What was found, and what was there before and has not been missing for long. */
  function withMissed(found: Set<string>): Set<string> {
    for (const one of served ?? []) {
      if (found.has(one)) {
        missed.delete(one);
        continue;
      }
      const times = (missed.get(one) ?? 0) + 1;
      if (times < MISSES) {
        missed.set(one, times);
        found.add(one);
      } else {
        missed.delete(one);
      }
    }
    return found;
  }

  async function run(): Promise<void> {
    while (!ended.signal.aborted) {
      try {
        const now = withMissed(await discover());
        failure = undefined;
        const same = served !== undefined && served.size === now.size && [...now].every((one) => served!.has(one));
        served = now;
        if (!same) for (const listener of listeners) listener();
      } catch (error) {
        if (ended.signal.aborted) return;
        failure = error instanceof KubeError ? error : new KubeError(0, 'InvalidResponse', String(error), undefined, error);
        log.warn({ error: failure.message }, 'API groups could not be discovered, trying again');
      }
      await sleep(clock, PERIOD_MS, ended.signal);
    }
  }

  const running = run();
  return {
    known: () => served !== undefined,
    find: (forms) => forms.find(({ group, version, plural }) => served?.has(`${group}/${version}/${plural}`)),
    onChange: (listener) => void listeners.add(listener),
    lastError: () => failure,
    async stop() {
      listeners.clear();
      ended.abort();
      await running;
    },
  };
}
