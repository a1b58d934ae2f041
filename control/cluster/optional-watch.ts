import type { Resource } from '../../lib/kube/resources.ts';
import { Store } from '../../lib/kube/store.ts';
import type { IndexFunction, ReadStore } from '../../lib/kube/store.ts';
import type { KubeObject } from '../../lib/kube/types.ts';
import { watch } from '../../lib/kube/watch.ts';
import type { Watcher, WatchOptions } from '../../lib/kube/watch.ts';
import type { Served } from './served.ts';

export interface OptionalWatchOptions<T extends KubeObject> extends Omit<WatchOptions<T>, 'resource' | 'indexes'> {
  served: Served;
  /** the kind in each version that will do, best first */
  forms: readonly Resource<T>[];
  indexes: Record<string, IndexFunction<T>>;
  /** called after each change of the store: what is there now, what was there before */
  changed: (now: T | undefined, old: T | undefined) => void;
}

/** A watch of a kind that the cluster may not have: its store is empty until the kind is there, and again once it has gone. */
export interface OptionalWatch<T extends KubeObject> {
  readonly store: ReadStore<T>;
  /** resolves when the store is complete for the first time, or it is known that there is no such kind */
  readonly synced: Promise<void>;
  /** the kind in the version that is watched; undefined while there is none */
  resource(): Resource<T> | undefined;
  /** null, or why the store is not complete */
  problem(): string | null;
  stop(): Promise<void>;
}

export function optionalWatch<T extends KubeObject>({ served, forms, changed, ...options }: OptionalWatchOptions<T>): OptionalWatch<T> {
  const nothing = new Store<T>(options.indexes);
  let current: { resource: Resource<T>; watcher: Watcher<T> } | undefined;
  const ending = new Set<Promise<void>>();
  let markSynced!: () => void;
  const synced = new Promise<void>((resolve) => { markSynced = resolve; });

  function end(): void {
    if (current === undefined) return;
    const { watcher } = current;
    current = undefined;
    const end = watcher.stop();
    ending.add(end);
    void end.then(() => ending.delete(end));
    for (const object of watcher.store.values()) changed(undefined, object);
  }

  function begin(resource: Resource<T>): void {
    const watcher = watch({ ...options, resource });
    current = { resource, watcher };
    // A watch that was ended may still be in the middle of a page.
    const live = () => current?.watcher === watcher;
    watcher.on({
      added: (object) => void (live() && changed(object, undefined)),
      updated: (object, old) => void (live() && changed(object, old)),
      deleted: (object) => void (live() && changed(undefined, object)),
    });
    void watcher.synced.then(markSynced);
  }

  function look(): void {
    const resource = served.find(forms);
    if (resource?.version === current?.resource.version) {
      if (resource === undefined) markSynced();
      return;
    }
    end();
    if (resource === undefined) markSynced();
    else begin(resource);
  }

  served.onChange(look);
  return {
    get store() {
      return current?.watcher.store ?? nothing;
    },
    synced,
    resource: () => current?.resource,
    problem() {
      if (!served.known()) return `not discovered yet${served.lastError() ? ` (${served.lastError()!.message})` : ''}`;
      if (current === undefined || current.watcher.hasSynced()) return null;
      const error = current.watcher.lastError();
      return `not listed yet${error ? ` (${error.message})` : ''}`;
    },
    async stop() {
      end();
      await Promise.all(ending);
    },
  };
}
