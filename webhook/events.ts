import type { Clock } from '../lib/clock.ts';
import type { KubeClient } from '../lib/kube/client.ts';
import { RESOURCES } from '../lib/kube/resources.ts';
import type { Owner } from './owners.ts';

export type EventReason = 'Injected' | 'InjectionSkipped';

/** Reports on a workload what became of its pods. Never throws and never waits. */
export interface EventSink {
  report(owner: Owner, namespace: string, reason: EventReason, message: string): void;
}

/** The same thing about the same owner is told once in this time: a workload of a thousand pods is one event. */
const QUIET_MS = 10 * 60_000;
const REMEMBERED = 4096;

export interface EventSinkOptions {
  kube: Pick<KubeClient, 'create'>;
  clock: Clock;
  /** in [0, 1): makes names of events unique */
  random: () => number;
  failed: (error: unknown) => void;
}

export function createEventSink({ kube, clock, random, failed }: EventSinkOptions): EventSink {
  const told = new Map<string, number>();

  return {
    report(owner, namespace, reason, message) {
      const key = `${owner.uid}/${reason}/${message}`;
      const now = clock.now();
      const last = told.get(key);
      if (last !== undefined && now - last < QUIET_MS) return;
      told.delete(key);
      told.set(key, now);
      for (const oldest of told.keys()) {
        if (told.size <= REMEMBERED) break;
        told.delete(oldest);
      }
      const wall = clock.wall();
      const time = new Date(wall).toISOString().replace(/\.\d+Z$/, 'Z');
      const suffix = `${Math.floor(wall).toString(16)}${Math.floor(random() * 0xffff).toString(16).padStart(4, '0')}`;
      kube.create(RESOURCES.events, {
        metadata: { name: `${owner.name.slice(0, 220)}.${suffix}`, namespace },
        involvedObject: { apiVersion: owner.apiVersion, kind: owner.kind, name: owner.name, namespace, uid: owner.uid },
        reason,
        message,
        type: reason === 'Injected' ? 'Normal' : 'Warning',
        count: 1,
        firstTimestamp: time,
        lastTimestamp: time,
        source: { component: 'mesh-injector' },
      }).catch(failed);
    },
  };
}
