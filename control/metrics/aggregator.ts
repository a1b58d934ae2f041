import type { Clock, Timer } from '../../lib/clock.ts';
import type { PodDirectory } from './directory.ts';
import type { PodFacts } from './facts.ts';
import { PodTraffic } from './pod-traffic.ts';
import { type Fetch, startScraper } from './scraper.ts';

/** How long figures are kept, and so the longest window. */
export const RETENTION_MS = 5 * 60_000;
export const INTERVAL_MS = 5000;
const TIMEOUT_MS = 4000;
const CONCURRENCY = 16;
const PRUNE_MS = 30_000;
/** Scrapes that make a rate, and intervals after which nobody is waited for who has not been scraped so often. */
const RATE_SCRAPES = 2;
const WARM_INTERVALS = 3;

/** A pod and what its proxy has told; pods that are gone stay until their figures are too old for any window. */
export interface Observed { facts: PodFacts; traffic: PodTraffic }

export interface Aggregator {
  observed(): IterableIterator<Observed>;
  /** clock milliseconds */
  now(): number;
  /** every proxy that there is has been asked twice, as a rate takes, or has had the time for it: from then on the answers are those of a replica that has run for long */
  warm(): boolean;
  stop(): Promise<void>;
}

export interface AggregatorOptions {
  directory: PodDirectory;
  clock: Clock;
  random: () => number;
  fetch: Fetch;
  log: { debug(fields: object, message: string): void; warn(fields: object, message: string): void };
  intervalMs?: number;
  /** told of every scrape, for the metrics of the aggregator itself */
  onScrape?: (ok: boolean) => void;
}

export function startAggregator({ directory, clock, random, fetch, log, intervalMs = INTERVAL_MS, onScrape }: AggregatorOptions): Aggregator {
  const known = new Map<string, Observed & { goneAt: number | undefined; scrapes: number }>();
  const warmAt = clock.now() + WARM_INTERVALS * intervalMs;
  let warm = false;
  const failing = new Set<string>();
  let timer: Timer | undefined;

  const scraper = startScraper({
    clock, random, fetch, intervalMs, timeoutMs: Math.min(TIMEOUT_MS, intervalMs), concurrency: CONCURRENCY,
    scraped({ key }, text, at) {
      const one = known.get(key);
      if (one === undefined) return;
      one.scrapes++;
      try {
        one.traffic.ingest(text, at, bornAt(one.facts, at));
        failing.delete(key);
        onScrape?.(true);
      } catch (err) {
        failed(key, err);
      }
    },
    failed: ({ key }, err) => failed(key, err),
  });

  /** Once per trouble: a pod that stays away would fill the log. */
  function failed(pod: string, err: unknown): void {
    onScrape?.(false);
    if (failing.has(pod)) return;
    failing.add(pod);
    log.debug({ err, pod }, 'the metrics of a proxy could not be read');
  }

  /** On the clock: when the pod's counters were 0, if that is so recent that nothing can have been missed before. */
  function bornAt(pod: PodFacts, at: number): number | undefined {
    if (pod.startedAt === undefined) return undefined;
    const age = clock.wall() - pod.startedAt;
    return age >= 0 && age < RETENTION_MS ? at - age : undefined;
  }

  const unsubscribe = directory.onChange((facts, gone) => {
    const one = known.get(facts.key);
    if (!facts.meshed) return;
    if (gone || facts.ip === null) {
      scraper.remove(facts.key);
      failing.delete(facts.key);
      if (one !== undefined) Object.assign(one, { facts, goneAt: one.goneAt ?? clock.now() });
      return;
    }
    // A StatefulSet's pods come back under their names; what the one before served still counts.
    if (one?.goneAt !== undefined) known.set(`${facts.key} until ${one.goneAt}`, one);
    if (one === undefined || one.goneAt !== undefined) known.set(facts.key, { facts, traffic: new PodTraffic(facts.adminPort), goneAt: undefined, scrapes: 0 });
    else one.facts = facts;
    scraper.add({ key: facts.key, ip: facts.ip, port: facts.adminPort });
  });

  function prune(): void {
    const limit = clock.now() - RETENTION_MS;
    for (const [key, one] of known) {
      if (one.goneAt !== undefined && one.goneAt < limit) known.delete(key);
      else one.traffic.prune(limit);
    }
    timer = clock.after(PRUNE_MS, prune);
  }
  timer = clock.after(PRUNE_MS, prune);

  return {
    observed: () => known.values(),
    now: () => clock.now(),
    warm: () => (warm ||= clock.now() >= warmAt || Array.from(known.values()).every((one) => one.goneAt !== undefined || one.scrapes >= RATE_SCRAPES)),
    async stop() {
      unsubscribe();
      clock.cancel(timer);
      await scraper.stop();
    },
  };
}
