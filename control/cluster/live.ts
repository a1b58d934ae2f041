import { Cell } from './cell.ts';
import type { ClusterView } from './view.ts';

/** The source of truth that computations read, and the news about it. */
export interface Changes<V = ClusterView> {
  readonly view: V;
  /** the same view, noting the token of everything that is asked of it */
  tracked(note: (token: string) => void): V;
  /** resolves when `view` is complete for the first time */
  readonly synced: Promise<void>;
  /** calls back with the token (view.ts) of everything that changes; returns what unsubscribes */
  onChange(listener: (token: string) => void): () => void;
}

/** Computes the value of a key from the view. Returning `previous` says that nothing changed. */
export type Compute<T, V = ClusterView> = (key: string, view: V, previous: T | undefined) => T;

export interface LiveOptions<T, V = ClusterView> {
  changes: Changes<V>;
  compute: Compute<T, V>;
  /** runs `fn` soon; several changes until then cost one computation; default setImmediate */
  soon?: (fn: () => void) => void;
  onError: (key: string, error: unknown) => void;
}

interface Entry<T> { key: string; cell: Cell<T>; readers: number; uses: Set<string>; dirty: boolean }

/**
 * Values that keep themselves up to date: each key that somebody follows is computed once, whatever the number of its readers, and again when
 * something that its computation read has changed. Keys that nobody follows cost nothing.
 */
export class Live<T, V = ClusterView> {
  readonly #options: LiveOptions<T, V>;
  readonly #entries = new Map<string, Entry<T>>();
  readonly #users = new Map<string, Set<Entry<T>>>();
  readonly #soon: (fn: () => void) => void;
  readonly #unsubscribe: () => void;
  #dirty: Entry<T>[] = [];
  #synced = false;

  constructor(options: LiveOptions<T, V>) {
    this.#options = options;
    this.#soon = options.soon ?? ((fn) => void setImmediate(fn));
    this.#unsubscribe = options.changes.onChange((token) => this.#touch(token));
    void options.changes.synced.then(() => { this.#synced = true; });
  }

  /** keys followed right now */
  get size(): number {
    return this.#entries.size;
  }

  /** The value now, without following it. */
  async once(key: string): Promise<T> {
    await this.#options.changes.synced;
    return this.#entries.get(key)?.cell.value ?? this.#options.compute(key, this.#options.changes.view, undefined);
  }

  /** The value, then each newer one, until the signal aborts. Nothing comes before the view is complete. */
  async *follow(key: string, signal: AbortSignal): AsyncGenerator<T, void, void> {
    await Promise.race([this.#options.changes.synced, aborted(signal)]);
    if (signal.aborted) return;
    const entry = this.#read(key);
    try {
      yield* entry.cell.follow(signal);
    } finally {
      this.#leave(entry);
    }
  }

  /** The same by callback, for readers of whom there are thousands: until what it returns is called. */
  listen(key: string, listener: (value: T) => void): () => void {
    let stop = (): void => undefined;
    let over = false;
    const begin = (): void => {
      if (over) return;
      const entry = this.#read(key);
      const leave = entry.cell.listen(listener);
      stop = () => {
        leave();
        this.#leave(entry);
      };
      // The first value may have been enough.
      if (over) stop();
    };
    if (this.#synced) begin();
    else void this.#options.changes.synced.then(begin);
    return () => {
      if (over) return;
      over = true;
      stop();
    };
  }

  close(): void {
    this.#unsubscribe();
  }

  #read(key: string): Entry<T> {
    const entry = this.#entries.get(key) ?? this.#start(key);
    entry.readers++;
    return entry;
  }

  #leave(entry: Entry<T>): void {
    entry.readers--;
    if (entry.readers === 0) this.#end(entry);
  }

  #start(key: string): Entry<T> {
    const entry: Entry<T> = { key, cell: new Cell(), readers: 0, uses: new Set(), dirty: false };
    this.#entries.set(key, entry);
    this.#compute(entry);
    return entry;
  }

  #end(entry: Entry<T>): void {
    this.#entries.delete(entry.key);
    for (const token of entry.uses) this.#forget(token, entry);
    entry.uses.clear();
  }

  #touch(token: string): void {
    for (const entry of this.#users.get(token) ?? []) {
      if (entry.dirty) continue;
      entry.dirty = true;
      if (this.#dirty.push(entry) === 1) this.#soon(() => this.#flush());
    }
  }

  #flush(): void {
    const batch = this.#dirty;
    this.#dirty = [];
    for (const entry of batch) {
      entry.dirty = false;
      if (entry.readers > 0) this.#compute(entry);
    }
  }

  #compute(entry: Entry<T>): void {
    const uses = new Set<string>();
    try {
      entry.cell.set(this.#options.compute(entry.key, this.#options.changes.tracked((token) => uses.add(token)), entry.cell.value));
    } catch (error) {
      this.#options.onError(entry.key, error);
    }
    for (const token of entry.uses) if (!uses.has(token)) this.#forget(token, entry);
    for (const token of uses) {
      const users = this.#users.get(token);
      if (users) users.add(entry);
      else this.#users.set(token, new Set([entry]));
    }
    entry.uses = uses;
  }

  #forget(token: string, entry: Entry<T>): void {
    const users = this.#users.get(token);
    users?.delete(entry);
    if (users?.size === 0) this.#users.delete(token);
  }
}

/** Resolves once the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
