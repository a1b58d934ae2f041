import type { Clock } from '../clock.ts';
import { backoff, sleep } from './backoff.ts';
import type { KubeClient } from './client.ts';
import { isAlreadyExists, isConflict, isNotFound } from './error.ts';
import { RESOURCES } from './resources.ts';
import type { Lease } from './types.ts';

export interface LeaderOptions {
  client: KubeClient;
  /** the Lease; needs get and update on its name, and create */
  name: string;
  namespace: string;
  /** unique among those who stand for election: the name of the pod */
  holder: string;
  clock: Clock;
  log: { info(fields: object, message: string): void; warn(fields: object, message: string): void; error(fields: object, message: string): void };
  /** in [0, 1); jitter */
  random?: () => number;
  /** milliseconds after which a holder that renews no more is taken for gone; whole seconds; default 15,000 */
  durationMs?: number;
  /** like stop() when it aborts: told to end, a process lets another lead while it finishes what else it does */
  signal?: AbortSignal;
  /**
   * Runs while this process leads, one call at a time. `signal` aborts when it leads no longer; no other process leads before
   * the Lease has run out, so work that ends soon after the signal does not overlap. When it returns or rejects before, the Lease is given up and stood for again.
   */
  lead(signal: AbortSignal): Promise<void>;
}

export interface Leader {
  leads(): boolean;
  /** Ends `lead`, waits for it, and gives the Lease up so that another need not wait for its end. */
  stop(): Promise<void>;
}

const DURATION_MS = 15_000;
/** Of the duration: how often the holder renews and others look, and when a holder that could not renew gives up; client-go's are alike (2 s and 10 s of 15 s). */
const RENEW_SHARE = 1 / 6;
const GIVE_UP_SHARE = 2 / 3;

/** metav1.MicroTime: RFC 3339 with exactly six decimals. */
const microTime = (ms: number): string => new Date(ms).toISOString().replace('Z', '000Z');

/**
 * Leader election by one coordination.k8s.io/v1 Lease, by the rules of client-go, so that its tools read it: a holder is gone when the Lease
 * has not changed for its duration by the clock of the one who looks (clocks of two machines are never compared), and every write carries the
 * resourceVersion that it was decided on. Starts at once and goes on until stop().
 */
export function leader(options: LeaderOptions): Leader {
  const { client, name, namespace, holder, clock, log, random = Math.random, durationMs = DURATION_MS } = options;
  const stopping = new AbortController();
  options.signal?.addEventListener('abort', () => stopping.abort(), { once: true });
  const renewMs = durationMs * RENEW_SHARE;
  let seen: { version: string | undefined; at: number } | undefined;
  let held: Lease | undefined;
  let leading = false;

  /** Looks at the Lease and takes or renews it; false when somebody else has it. Throws KubeError. */
  async function acquire(): Promise<boolean> {
    const now = microTime(clock.wall());
    const spec = { holderIdentity: holder, leaseDurationSeconds: Math.ceil(durationMs / 1000), acquireTime: now, renewTime: now, leaseTransitions: 0 };
    let known = held;
    if (!known) {
      try {
        known = await client.get(RESOURCES.leases, name, namespace, stopping.signal);
      } catch (error) {
        if (!isNotFound(error)) throw error;
        held = await client.create(RESOURCES.leases, { metadata: { name, namespace }, spec });
        return true;
      }
    }
    const other = known.spec?.holderIdentity ?? '';
    if (seen?.version !== known.metadata.resourceVersion) seen = { version: known.metadata.resourceVersion, at: clock.now() };
    const mine = other === holder;
    if (!mine && other !== '' && clock.now() - seen!.at < (known.spec?.leaseDurationSeconds ?? 0) * 1000) return false;
    const transitions = (known.spec?.leaseTransitions ?? 0) + (mine ? 0 : 1);
    held = await client.replace(RESOURCES.leases, {
      ...known, spec: { ...spec, acquireTime: mine ? (known.spec?.acquireTime ?? now) : now, leaseTransitions: transitions },
    });
    return true;
  }

  async function attempt(): Promise<boolean> {
    try {
      return await acquire();
    } catch (error) {
      held = undefined;
      if (isConflict(error) || isAlreadyExists(error)) return false;
      throw error;
    }
  }

  /** Leads until the Lease cannot be kept, `lead` ends or stop(). */
  async function term(): Promise<void> {
    const lost = new AbortController();
    const signal = AbortSignal.any([stopping.signal, lost.signal]);
    leading = true;
    log.info({ lease: name, holder }, 'leading');
    const done = options.lead(signal).then(
      () => lost.abort(),
      (err: unknown) => {
        if (!signal.aborted) log.error({ err, lease: name }, 'the work of the leader failed');
        lost.abort();
      },
    );
    let renewedAt = clock.now();
    while (!signal.aborted) {
      await sleep(clock, renewMs, signal);
      if (signal.aborted) break;
      const startedAt = clock.now();
      const kept = await bounded(attempt(), renewedAt + durationMs * GIVE_UP_SHARE - startedAt).catch((error: unknown) => {
        log.warn({ lease: name, reason: (error as Error).message }, 'the lease is not renewed, trying again');
        return undefined;
      });
      if (kept) renewedAt = startedAt;
      else if (kept === false || clock.now() - renewedAt >= durationMs * GIVE_UP_SHARE) {
        log.warn({ lease: name, holder }, 'no longer leading');
        lost.abort();
      }
    }
    leading = false;
    await done;
  }

  /** Rejects when the answer does not come in time: a hanging API server must not keep a leader that others take for gone. */
  async function bounded<R>(work: Promise<R>, ms: number): Promise<R> {
    let timer;
    const late = new Promise<never>((_, reject) => {
      timer = clock.after(Math.max(0, ms), () => reject(new Error('no answer in time')));
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      clock.cancel(timer);
    }
  }

  async function release(): Promise<void> {
    if (!held || held.spec?.holderIdentity !== holder) return;
    const given = { ...held, spec: { ...held.spec, holderIdentity: '', leaseDurationSeconds: 1 } };
    held = undefined;
    await bounded(client.replace(RESOURCES.leases, given), renewMs).catch((error: unknown) => log.warn({ lease: name, reason: (error as Error).message }, 'the lease was not given up, it runs out'));
  }

  async function run(): Promise<void> {
    const pause = backoff(random, renewMs / 2, durationMs);
    while (!stopping.signal.aborted) {
      let wait = renewMs * (1 + random());
      try {
        if (await attempt()) {
          pause.reset();
          await term();
          await release();
        }
      } catch (error) {
        if (stopping.signal.aborted) break;
        wait = pause.next();
        log.warn({ lease: name, reason: (error as Error).message, retryMs: Math.round(wait) }, 'the lease cannot be read or taken');
      }
      await sleep(clock, wait, stopping.signal);
    }
  }

  const running = run();
  return {
    leads: () => leading,
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
