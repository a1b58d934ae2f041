/** The leader's work: look, decide, write, look again; in between it sleeps until the next date, a change or a request. */
import { X509Certificate } from 'node:crypto';
import type { MeshConfig } from '../../../api/config.ts';
import type { IdentityStatus } from '../../../api/identity-status.ts';
import { ANCHORS_CONFIG_MAP, IDENTITY_STATUS_CONFIG_MAP, ISSUER_SECRET, ROOT_SECRET } from '../../../api/names.ts';
import type { Clock } from '../../../lib/clock.ts';
import { backoff, sleep } from '../../../lib/kube/backoff.ts';
import type { KubeClient } from '../../../lib/kube/client.ts';
import { isConflict, isNotFound } from '../../../lib/kube/error.ts';
import { RESOURCES } from '../../../lib/kube/resources.ts';
import type { KubeObject } from '../../../lib/kube/types.ts';
import type { Log } from '../../../lib/log.ts';
import { carryOut } from './carry-out.ts';
import type { Census, Waiting } from './census.ts';
import { decide, type Step } from './decide.ts';
import { fingerprintOf, readFacts, type Facts, type Objects } from './facts.ts';
import { statusOf, writeStatus } from './status.ts';

export interface RotationOptions {
  kube: KubeClient;
  config: MeshConfig;
  clock: Clock;
  log: Log;
  /** in [0, 1) */
  random: () => number;
  census: Census;
  /** tells the outside what was done; `warning` for what somebody should look at */
  tell: (reason: string, message: string, warning?: boolean) => void;
  /** after every look at the cluster */
  onStatus: (status: IdentityStatus) => void;
  /** how often something changed that may matter, up to now */
  changes: () => number;
  /** resolves when that is more than `known`, or the signal aborts */
  changedSince: (known: number, signal: AbortSignal) => Promise<void>;
}

/** Between two askings of the proxies that are waited for. */
const ASK_AGAIN_MS = 5000;
/** However far the next date is: a look at what somebody may have changed, and the longest that a timer is trusted. */
const LONGEST_WAIT_MS = 3_600_000;

export interface Rotation {
  /** Goes on until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
  /** One look and at most one write; milliseconds to wait before the next, 0 after a write. Throws KubeError, or an Error about an object that cannot be read. */
  pass(signal: AbortSignal): Promise<number>;
}

export function rotation(options: RotationOptions): Rotation {
  const { kube, config, clock, log, census, tell } = options;
  const ns = config.controlNamespace;
  let toldWaiting = '';
  let toldError = '';

  async function read(signal: AbortSignal): Promise<Objects> {
    const [root, issuer, anchors, status] = await Promise.all([
      kube.get(RESOURCES.secrets, ROOT_SECRET, ns, signal), kept(kube.get(RESOURCES.secrets, ISSUER_SECRET, ns, signal), ISSUER_SECRET),
      kept(kube.get(RESOURCES.configmaps, ANCHORS_CONFIG_MAP, ns, signal), ANCHORS_CONFIG_MAP), kube.get(RESOURCES.configmaps, IDENTITY_STATUS_CONFIG_MAP, ns, signal),
    ]);
    return { root, issuer, anchors, status };
  }

  /** What is given comes and goes with its owner: it may not be there yet, or not for the moment in which it is renewed. */
  async function kept<T extends KubeObject>(object: Promise<T>, name: string): Promise<T | KubeObject> {
    try {
      return await object;
    } catch (error) {
      if (config.identity.authority !== 'given' || !isNotFound(error)) throw error;
      return { metadata: { name, namespace: ns } };
    }
  }

  async function pass(signal: AbortSignal): Promise<number> {
    const objects = await read(signal);
    const facts = readFacts(objects);
    const publish = async (next?: { what: string; at: number }, waiting?: Waiting): Promise<void> => {
      const status = statusOf(facts, config.identity.authority, { next, waiting });
      await writeStatus(kube, objects, status);
      options.onStatus(status);
    };
    if (config.identity.authority === 'given') {
      await publish();
      return LONGEST_WAIT_MS;
    }
    const now = clock.wall();
    let step = decide(facts, config.identity, now, null);
    let waiting: Waiting | undefined;
    if (step.do === 'ask') {
      waiting = await ask(step.about, facts, signal);
      step = decide(facts, config.identity, now, { waiting: waiting.count });
    }
    if (step.do === 'ask') {
      remindOf(waiting!, step.about);
      await publish({ what: step.about === 'anchor' ? 'issuer under the new anchor' : 'old anchor retired', at: now + ASK_AGAIN_MS }, waiting);
      return ASK_AGAIN_MS;
    }
    toldWaiting = '';
    if (step.do === 'wait') {
      await publish({ what: step.what, at: step.until });
      return Math.min(LONGEST_WAIT_MS, Math.max(1000, step.until - now));
    }
    await carryOut(step, facts, objects, kube, config, now);
    announce(step, facts, waiting);
    return 0;
  }

  function ask(about: 'anchor' | 'leaves', { next, bundle, state }: Facts, signal: AbortSignal): Promise<Waiting> {
    if (about === 'anchor') return census.withoutAnchor(next!.fingerprint, signal);
    return census.under(bundle.filter((c: X509Certificate) => state!.retire.includes(fingerprintOf(c))), signal);
  }

  /** Once for each set of pods that are waited for: not every five seconds. */
  function remindOf({ count, pods }: Waiting, about: 'anchor' | 'leaves'): void {
    const key = pods.join('\n');
    if (key === toldWaiting) return;
    toldWaiting = key;
    log.info({ count, pods, about }, 'rotation waits for proxies');
  }

  function announce(step: Step, { next, active }: Facts, waiting: Waiting | undefined): void {
    log.info({ step: step.do, ...('reason' in step && { reason: step.reason }) }, 'rotation step done');
    switch (step.do) {
      case 'make-root':
        if (step.as === 'active') tell('TrustAnchorCreated', 'made the trust anchor of the mesh');
        else tell('AnchorRotationStarted', `made a new trust anchor: ${step.reason}; every proxy gets to know it before it is used`);
        return;
      case 'sign-issuer':
        if (step.by === 'next' && waiting && waiting.count > 0) {
          tell('RotationGoesOn', `${waiting.count} proxies do not say that they trust the new anchor, and were waited for long enough; a cross-certificate carries them: ${waiting.pods.join('; ')}`, true);
        }
        tell('IssuerRotated', `signed a new issuer with ${step.by === 'next' ? `the new trust anchor ${short(next)}` : `trust anchor ${short(active)}`}: ${step.reason}`);
        return;
      case 'retire':
        tell('AnchorRetired', `took the trust anchor ${step.anchors.map((c) => fingerprintOf(c).slice(0, 12)).join(', ')} out of the bundle: no certificate leads to it any more`);
        return;
      default:
    }
  }

  /** Also where nothing can be decided, people look at the status. */
  async function reportError(error: unknown, signal: AbortSignal): Promise<void> {
    const text = isNotFound(error) ? `${(error as Error).message}; kubectl mesh install makes it again` : (error as Error).message;
    log.error({ reason: text }, 'rotation step failed, trying again');
    if (text === toldError) return;
    toldError = text;
    tell('RotationFailed', text, true);
    const object = await kube.get(RESOURCES.configmaps, IDENTITY_STATUS_CONFIG_MAP, ns, signal);
    const known = parseStatus(object.data?.['status.json']);
    if (known) await writeStatus(kube, { status: object } as Objects, { ...known, error: text });
  }

  return {
    pass,
    async run(signal) {
      const retry = backoff(options.random, 500, 30_000);
      while (!signal.aborted) {
        let waitMs: number;
        // What changes while this pass looks is looked at in the next.
        const known = options.changes();
        try {
          waitMs = await pass(signal);
          retry.reset();
          toldError = '';
        } catch (error) {
          if (signal.aborted) return;
          waitMs = retry.next();
          // Somebody else wrote in between: what they wrote is looked at next.
          if (!isConflict(error)) await reportError(error, signal).catch((err: unknown) => log.debug({ err }, 'status not written'));
        }
        if (waitMs === 0) continue;
        const woken = new AbortController();
        const either = AbortSignal.any([signal, woken.signal]);
        await Promise.race([sleep(clock, waitMs, either), options.changedSince(known, either)]);
        woken.abort();
      }
    },
  };
}

const short = (root: Facts['active']): string => root?.fingerprint.slice(0, 12) ?? '';

function parseStatus(text: string | undefined): IdentityStatus | null {
  try {
    return JSON.parse(text ?? 'null') as IdentityStatus | null;
  } catch {
    return null;
  }
}
