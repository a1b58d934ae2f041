import { CANARY, type Canary, type CanaryStatus } from '../../api/crds/canary.ts';
import { aborted } from '../../lib/aborted.ts';
import type { Clock } from '../../lib/clock.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { isNotFound } from '../../lib/kube/error.ts';
import type { Resource } from '../../lib/kube/resources.ts';
import { watch } from '../../lib/kube/watch.ts';
import { workQueue } from '../../lib/kube/work-queue.ts';
import type { Log } from '../../lib/log.ts';
import type { EventRecorder } from '../events.ts';
import { plan } from './plan.ts';
import { fulfil, observe } from './world.ts';

export const CANARIES: Resource<Canary> = CANARY;

export interface ControllerOptions {
  kube: KubeClient;
  clock: Clock;
  log: Log;
  events: EventRecorder;
  /** after each change of a phase */
  onPhase?: (phase: CanaryStatus['phase']) => void;
  random?: () => number;
}

/** How often a canary that has not ended is looked at. */
const LOOK_MS = 2_000;

/** Leads every canary of the cluster until the signal aborts. One process does so at a time. */
export async function leadCanaries({ kube, clock, log, events, onPhase, random = Math.random }: ControllerOptions, signal: AbortSignal): Promise<void> {
  const watcher = watch({ client: kube, resource: CANARIES, clock, log, random });
  const timers = new Map<string, object>();

  const queue = workQueue({
    clock, random,
    work: turn,
    onError: (key, err, retryInMs) => log.warn({ err, canary: key, retryInMs: Math.round(retryInMs) }, 'a canary could not be led, trying again'),
  });

  async function turn(key: string): Promise<void> {
    const canary = watcher.store.get(key);
    if (canary === undefined || canary.metadata.deletionTimestamp !== undefined) return;
    const world = await observe(kube, canary);
    const { status, wish, event } = plan(canary, world, clock.wall());
    await fulfil(kube, canary, world, wish);
    await report(canary, status);
    if (event !== null) {
      const { name, namespace = '', uid } = canary.metadata;
      events.record({ apiVersion: `${CANARY.group}/${CANARY.version}`, kind: CANARY.kind, name, namespace, ...(uid && { uid }) }, event.type, event.reason, event.message);
      log.info({ canary: key, phase: status.phase, weight: status.weight }, event.message);
    }
    if (status.phase !== canary.status?.phase) onPhase?.(status.phase);
    const settled = (status.phase === 'Succeeded' || status.phase === 'Failed') && world.routeObject === undefined && world.fresh === undefined;
    if (!settled) again(key);
  }

  /** Writes the status when it differs. With the version that was read: what somebody else has written since gives another turn. */
  async function report(canary: Canary, status: CanaryStatus): Promise<void> {
    if (JSON.stringify(status) === JSON.stringify(canary.status)) return;
    const { name, namespace, resourceVersion } = canary.metadata;
    try {
      await kube.patch(CANARIES, name, namespace, { type: 'merge', body: { metadata: { resourceVersion }, status } }, { subresource: 'status' });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  function again(key: string): void {
    clock.cancel(timers.get(key));
    timers.set(key, clock.after(LOOK_MS, () => {
      timers.delete(key);
      queue.add(key);
    }));
  }

  const keyOf = ({ metadata }: Canary): string => `${metadata.namespace}/${metadata.name}`;
  watcher.on({
    added: (canary) => queue.add(keyOf(canary)),
    updated: (canary) => queue.add(keyOf(canary)),
    deleted: (canary) => {
      const key = keyOf(canary);
      clock.cancel(timers.get(key));
      timers.delete(key);
      queue.forget(key);
    },
  });
  await aborted(signal);
  for (const timer of timers.values()) clock.cancel(timer);
  await watcher.stop();
  await queue.stop();
}
