import { Counter, Gauge } from '@prometheus-io/client';
import type { Registry } from '@prometheus-io/client';
import type { Frames, Outgoing } from '../serve/call.ts';

/** Calls back with a value, then with each newer one, until what it returns is called. */
export type Follow<T> = (listener: (value: T) => void) => () => void;

/** Feeds the streams of one gRPC service, and counts them and their messages. */
export interface Streams {
  /**
   * Sends what `next` makes of each value, null for nothing. A client that is behind misses what comes in between and gets the newest: nothing is
   * ever queued for it. What `next` throws ends the call.
   */
  feed<T>(method: string, out: Outgoing, follow: Follow<T>, next: (value: T) => Frames | null): void;
}

export function streams(service: string, registry: Registry): Streams {
  const open = new Gauge({ name: `mesh_${service}_streams`, help: `Open streams of the ${service} API`, labelNames: ['method'], registers: [registry] });
  const sent = new Counter({ name: `mesh_${service}_messages_total`, help: `Messages sent by the ${service} API`, labelNames: ['method'], registers: [registry] });
  return {
    feed(method, out, follow, next) {
      const labels = { method };
      let ready = true;
      /** what came while the client was behind */
      let newest: { value: Parameters<typeof next>[0] } | null = null;
      const take = (value: Parameters<typeof next>[0]): void => {
        if (!ready) {
          newest = { value };
          return;
        }
        try {
          const frames = next(value);
          if (frames === null) return;
          sent.inc(labels, frames.count);
          ready = out.send(frames);
        } catch (error) {
          out.fail(error);
        }
      };
      open.inc(labels);
      let ended = false;
      let stop = (): void => undefined;
      out.onDrain = () => {
        ready = true;
        const waiting = newest;
        newest = null;
        if (waiting !== null) take(waiting.value);
      };
      out.onEnd = () => {
        ended = true;
        open.dec(labels);
        stop();
      };
      stop = follow(take);
      // The first value may have ended it.
      if (ended) stop();
    },
  };
}
