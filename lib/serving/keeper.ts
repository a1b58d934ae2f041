import type { Clock, Timer } from '../clock.ts';
import type { KubeClient } from '../kube/client.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../kube/error.ts';
import { RESOURCES, type Resource } from '../kube/resources.ts';
import { type WatchLog, type Watcher, watch } from '../kube/watch.ts';
import { issueServing } from './issue.ts';
import { type SecretIdentity, type Stored, isFit, mergeAuthorities, readStored, renewalTime, writeStored } from './secret.ts';
import type { CaTarget } from './targets.ts';

export interface KeeperOptions {
  kube: KubeClient;
  clock: Clock;
  log: WatchLog;
  secret: SecretIdentity;
  /** DNS names that the certificate is for */
  names: readonly string[];
  /** objects whose caBundle must hold our authorities */
  targets: readonly CaTarget[];
  /** how long a certificate is valid; default 90 days */
  lifetimeMs?: number;
}

export interface ServingKeeper {
  /** what to serve with now; PEM */
  current(): { cert: string; key: string };
  /** called with what to serve with from now on */
  onChange(changed: (pair: { cert: string; key: string }) => void): void;
  stop(): Promise<void>;
}

const DEFAULT_LIFETIME_MS = 90 * 86_400_000;
const RETRY_MS = 5000;
/** Timers hold at most 2^31 ms. */
const LONGEST_WAIT_MS = 86_400_000;

/**
 * Keeps one serving certificate for all replicas in a Secret: makes it where there is none, renews it at two thirds of its life, and sees
 * to it that callers trust it before it is served. Replicas race for the write; the Secret's resourceVersion decides, and losers
 * take what the winner wrote. Resolves when a certificate is there and each target that exists trusts it. Throws KubeError when it cannot.
 */
export async function keepServing({ kube, clock, log, secret, names, targets, lifetimeMs = DEFAULT_LIFETIME_MS }: KeeperOptions): Promise<ServingKeeper> {
  let serving: Stored | undefined;
  let timer: Timer | undefined;
  let stopped = false;
  let running: Promise<void> | undefined;
  let again = false;
  const listeners: ((pair: { cert: string; key: string }) => void)[] = [];

  async function stored(): Promise<Stored> {
    for (;;) {
      let known;
      try {
        known = await kube.get(RESOURCES.secrets, secret.name, secret.namespace);
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
      const present = known === undefined ? null : readStored(known);
      if (present !== null && isFit(present, names, clock.wall())) return present;
      const fresh = await issueServing(names, clock.wall(), lifetimeMs);
      const next: Stored = { ...fresh, ca: mergeAuthorities(fresh.ca, present?.ca ?? '', clock.wall()) };
      try {
        const object = writeStored(secret, next, known?.metadata.resourceVersion);
        await (known === undefined ? kube.create(RESOURCES.secrets, object) : kube.replace(RESOURCES.secrets, object));
        return next;
      } catch (error) {
        if (!isAlreadyExists(error) && !isConflict(error)) throw error;
      }
    }
  }

  async function reconcile(): Promise<void> {
    const next = await stored();
    for (const target of targets) await target.trust(kube, next.ca);
    const changed = serving !== undefined && (serving.cert !== next.cert || serving.key !== next.key);
    serving = next;
    if (changed) for (const listener of listeners) listener({ cert: next.cert, key: next.key });
  }

  function schedule(ms: number): void {
    clock.cancel(timer);
    if (!stopped) timer = clock.after(Math.min(Math.max(ms, 0), LONGEST_WAIT_MS), trigger);
  }

  /** One pass at a time; what happens during a pass is looked at in the next. */
  function trigger(): void {
    if (stopped) return;
    if (running !== undefined) {
      again = true;
      return;
    }
    running = reconcile().then(
      () => schedule(renewalTime(serving!.cert) - clock.wall()),
      (error: unknown) => {
        log.warn({ err: error, retryMs: RETRY_MS }, 'the serving certificate could not be brought up to date, trying again');
        schedule(RETRY_MS);
      },
    ).finally(() => {
      running = undefined;
      if (again) {
        again = false;
        trigger();
      }
    });
  }

  await reconcile();
  schedule(renewalTime(serving!.cert) - clock.wall());
  const follow = (resource: Resource, name: string, namespace?: string): Watcher<never> => {
    const watcher = watch({ client: kube, resource, namespace, fieldSelector: `metadata.name=${name}`, log, clock });
    watcher.on({ added: trigger, updated: trigger, deleted: trigger });
    return watcher as Watcher<never>;
  };
  const watchers = [follow(RESOURCES.secrets, secret.name, secret.namespace), ...targets.map((t) => follow(t.resource, t.name))];

  return {
    current: () => ({ cert: serving!.cert, key: serving!.key }),
    onChange: (changed) => void listeners.push(changed),
    async stop() {
      stopped = true;
      clock.cancel(timer);
      await Promise.all(watchers.map((w) => w.stop()));
      await running;
    },
  };
}
