import type { Clock } from '../lib/clock.ts';
import type { KubeClient } from '../lib/kube/client.ts';
import { RESOURCES } from '../lib/kube/resources.ts';
import type { Event } from '../lib/kube/types.ts';
import type { Log } from '../lib/log.ts';

export interface EventRecorder {
  /** Never waits and never fails; drops what exceeds the rate. */
  record(object: Event['involvedObject'] & { namespace: string; name: string }, type: 'Normal' | 'Warning', reason: string, message: string): void;
}

/** Events a second in the long run, and at once: a restart of a large cluster must not turn into a flood of writes. */
const RATE = 5;
const BURST = 50;

export function eventRecorder(options: { kube: () => KubeClient; clock: Clock; log: Log; component: string; host: string }): EventRecorder {
  const { clock, log } = options;
  let tokens = BURST;
  let filledAt = clock.now();
  let counter = 0;
  return {
    record(object, type, reason, message) {
      const now = clock.now();
      tokens = Math.min(BURST, tokens + ((now - filledAt) / 1000) * RATE);
      filledAt = now;
      if (tokens < 1) return;
      tokens -= 1;
      const at = new Date(clock.wall()).toISOString();
      const event: Event = {
        metadata: { name: `${object.name}.${clock.wall().toString(16)}${(counter++ & 0xffff).toString(16).padStart(4, '0')}`, namespace: object.namespace },
        involvedObject: object,
        type, reason, message, count: 1, firstTimestamp: at, lastTimestamp: at,
        source: { component: options.component, host: options.host },
      };
      options.kube().create(RESOURCES.events, event).catch((err: unknown) => log.debug({ err, reason }, 'event not recorded'));
    },
  };
}
