import { Counter, Gauge } from '@prometheus-io/client';
import type { Registry } from '@prometheus-io/client';

/** Counts the streams and messages of one gRPC service, and gives their end a reason. */
export interface Streams {
  /** The messages of one call. `signal` is the call's: a server that stops aborts it with the error that clients are to see. */
  run<T>(method: string, signal: AbortSignal, messages: AsyncIterable<T>): AsyncGenerator<T, void, void>;
}

export function streams(service: string, registry: Registry): Streams {
  const open = new Gauge({ name: `mesh_${service}_streams`, help: `Open streams of the ${service} API`, labelNames: ['method'], registers: [registry] });
  const sent = new Counter({ name: `mesh_${service}_messages_total`, help: `Messages sent by the ${service} API`, labelNames: ['method'], registers: [registry] });
  return {
    async *run(method, signal, messages) {
      open.inc({ method });
      try {
        for await (const message of messages) {
          sent.inc({ method });
          yield message;
        }
      } finally {
        open.dec({ method });
      }
      // A stream that ends well is opened again at once; one that ends with UNAVAILABLE after a pause.
      signal.throwIfAborted();
    },
  };
}
