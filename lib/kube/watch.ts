import { systemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import type { KubeClient, ListOptions } from './client.ts';
import { isExpired, KubeError } from './error.ts';
import type { Resource } from './resources.ts';
import { keyOf, Store } from './store.ts';
import type { IndexFunction, ReadStore } from './store.ts';
import { backoff, sleep } from './backoff.ts';
import type { KubeObject } from './types.ts';
import { watchOnce } from './watch-call.ts';

export interface WatchLog {
  debug(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface WatchOptions<T extends KubeObject> extends Omit<ListOptions, 'signal'> {
  client: KubeClient;
  resource: Resource<T>;
  log: WatchLog;
  /** Named functions for store.by(name, value). */
  indexes?: Record<string, IndexFunction<T>>;
  /** Drops what nobody reads before the object is kept; managedFields always go. It may change its argument. */
  trim?: (object: T) => T;
  clock?: Clock;
  /** in [0, 1); jitter */
  random?: () => number;
  /** objects a list page; default 500 */
  pageSize?: number;
  /** milliseconds without a byte after which a watch is opened anew, in case nobody is at its other end; default 150,000 */
  idleMs?: number;
}

/** All are called after the store has changed, in the order of the server's events, and never concurrently. */
export interface WatchHandler<T> {
  added?(object: T): void;
  updated?(object: T, old: T): void;
  /** `last` is the newest state that is known, which after a lost connection may not be the final one */
  deleted?(last: T): void;
  /** The first list is complete (called for each handler once). */
  synced?(): void;
}

export interface Watcher<T> {
  readonly store: ReadStore<T>;
  /** Resolves when the first list is in the store; never rejects: a watcher tries for ever. */
  readonly synced: Promise<void>;
  hasSynced(): boolean;
  /** The failure that keeps the watcher from its server right now. */
  lastError(): KubeError | undefined;
  /** Handlers added late get `added` for all that is known. Returns the function that removes it. */
  on(handler: WatchHandler<T>): () => void;
  stop(): Promise<void>;
}

/**
 * No news is no failure: API servers send bookmarks every minute only for kinds of which they have seen a change since they started, and TCP keep-alive
 * finds a machine that is gone. What this catches is a server that hangs, or one behind a balancer that has forgotten us.
 */
const IDLE_MS = 150_000;
/** Watches that were opened together are not opened anew together: up to this share later. */
const IDLE_SPREAD = 0.2;
/** After an outage every watch of every replica may be told to list again: they do so within this many milliseconds, not at once. */
const RELIST_SPREAD_MS = 3000;
/** The server ends each watch after this many seconds and up to twice that: reconnects of many clients spread out. */
const MIN_WATCH_SECONDS = 290;
/** After a watch that lasted less, wait before the next: some servers close after every event, and would be called in a tight loop. */
const SHORT_WATCH_MS = 1000;

/**
 * Keeps a store in step with one kind: lists it in pages, watches from there, resumes where it was when a watch ends, and lists again (telling
 * handlers only what differs, deletions included) when the server has forgotten that place (410). Starts at once.
 */
export function watch<T extends KubeObject>(options: WatchOptions<T>): Watcher<T> {
  const { client, resource, log, trim, pageSize = 500, idleMs = IDLE_MS, clock = systemClock, random = Math.random } = options;
  const selector: ListOptions = { namespace: options.namespace, labelSelector: options.labelSelector, fieldSelector: options.fieldSelector };
  const store = new Store<T>(options.indexes);
  const handlers = new Set<WatchHandler<T>>();
  const ended = new AbortController();
  const retry = backoff(random);
  const about = { resource: resource.plural, namespace: options.namespace };
  let synced = false;
  let failure: KubeError | undefined;
  let markSynced!: () => void;
  const whenSynced = new Promise<void>((resolve) => { markSynced = resolve; });

  function notify(name: string, call: (handler: WatchHandler<T>) => void, only?: WatchHandler<T>): void {
    for (const handler of only ? [only] : handlers) {
      try {
        call(handler);
      } catch (err) {
        log.error({ err, ...about }, `a handler failed on ${name}`);
      }
    }
  }

  function keep(object: T): T {
    delete object.metadata.managedFields;
    return trim ? trim(object) : object;
  }

  function upsert(raw: T): void {
    const key = keyOf(raw);
    const known = store.get(key);
    if (known?.metadata.resourceVersion !== undefined && known.metadata.resourceVersion === raw.metadata.resourceVersion) return;
    const object = keep(raw);
    const old = store.set(key, object);
    if (old) notify('updated', (handler) => handler.updated?.(object, old));
    else notify('added', (handler) => handler.added?.(object));
  }

  function remove(key: string, last?: T): void {
    const old = store.delete(key);
    if (old) notify('deleted', (handler) => handler.deleted?.(last ?? old));
  }

  async function list(): Promise<string> {
    const seen = new Set<string>();
    let next: string | undefined;
    let version: string;
    do {
      const page = await client.page(resource, { ...selector, limit: pageSize, continue: next, signal: ended.signal });
      for (const object of page.items) {
        seen.add(keyOf(object));
        upsert(object);
      }
      next = page.metadata.continue || undefined;
      version = page.metadata.resourceVersion ?? '';
    } while (next !== undefined);
    for (const key of Array.from(store.keys())) if (!seen.has(key)) remove(key);
    return version;
  }

  function announce(): void {
    if (synced) return;
    synced = true;
    notify('synced', (handler) => handler.synced?.());
    markSynced();
  }

  /** Watches from `from` until the stream ends; returns the place to go on from, '' when only a new list helps. */
  async function follow(from: string): Promise<string> {
    let version = from;
    const began = clock.now();
    const timeoutSeconds = Math.round(MIN_WATCH_SECONDS * (1 + random()));
    try {
      const silenceMs = idleMs * (1 + IDLE_SPREAD * random());
      const end = await watchOnce({ client, resource, selector, resourceVersion: from, timeoutSeconds, silenceMs, clock, signal: ended.signal }, (event) => {
        failure = undefined;
        retry.reset();
        if (event.type === 'DELETED') remove(keyOf(event.object), keep(event.object));
        else if (event.type !== 'BOOKMARK') upsert(event.object);
        version = event.object.metadata.resourceVersion ?? version;
      });
      if (end === 'silent') log.debug(about, 'nothing came for long, watching anew');
    } catch (error) {
      if (isExpired(error)) return '';
      throw new Interrupted(error, version);
    }
    if (clock.now() - began < SHORT_WATCH_MS) await sleep(clock, retry.next(), ended.signal);
    else retry.reset();
    return version;
  }

  async function run(): Promise<void> {
    let version = '';
    while (!ended.signal.aborted) {
      try {
        if (version === '') {
          if (synced) await sleep(clock, random() * RELIST_SPREAD_MS, ended.signal);
          version = await list();
          failure = undefined;
          announce();
        }
        version = await follow(version);
      } catch (thrown) {
        if (ended.signal.aborted) return;
        const cause = thrown instanceof Interrupted ? thrown.cause : thrown;
        if (thrown instanceof Interrupted) version = thrown.version;
        failure = cause instanceof KubeError ? cause : new KubeError(0, 'InvalidResponse', String(cause), undefined, cause);
        // An event that cannot be read would come again from the same place.
        if (isExpired(failure) || failure.reason === 'InvalidResponse') version = '';
        const waitMs = Math.max(retry.next(), failure.retryAfterMs ?? 0);
        log.warn({ ...about, reason: failure.reason, error: failure.message, waitMs: Math.round(waitMs) }, 'watch interrupted, trying again');
        await sleep(clock, waitMs, ended.signal);
      }
    }
  }

  const running = run();
  return {
    store,
    synced: whenSynced,
    hasSynced: () => synced,
    lastError: () => failure,
    on(handler) {
      handlers.add(handler);
      for (const object of Array.from(store.values())) notify('added', (h) => h.added?.(object), handler);
      if (synced) notify('synced', (h) => h.synced?.(), handler);
      return () => handlers.delete(handler);
    },
    async stop() {
      ended.abort();
      await running;
    },
  };
}

/** Carries how far a broken watch came, so that the next one resumes there. */
class Interrupted extends Error {
  readonly version: string;
  constructor(cause: unknown, version: string) {
    super('interrupted', { cause });
    this.version = version;
  }
}
