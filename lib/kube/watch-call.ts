import type { Clock } from '../clock.ts';
import type { KubeClient, ListOptions } from './client.ts';
import { errorFromStatus, KubeError } from './error.ts';
import { lineSplitter } from './lines.ts';
import { pathOf } from './resources.ts';
import type { Resource } from './resources.ts';
import type { KubeObject, Status } from './types.ts';

export interface ObjectEvent<T> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  object: T;
}
type WatchEvent<T> = ObjectEvent<T> | { type: 'ERROR'; object: Status };

export interface WatchCall<T extends KubeObject> {
  client: KubeClient;
  resource: Resource<T>;
  selector: ListOptions;
  resourceVersion: string;
  /** seconds after which the server is to end the watch */
  timeoutSeconds: number;
  /** milliseconds without a byte after which it is given up */
  silenceMs: number;
  clock: Clock;
  signal: AbortSignal;
}

/**
 * One watch request: hands every event to `onEvent` until the server ends the stream (which is its right at any time), or has been silent for long.
 *
 * @throws KubeError when the request fails, on an ERROR event, and when the connection breaks
 */
export async function watchOnce<T extends KubeObject>(call: WatchCall<T>, onEvent: (event: ObjectEvent<T>) => void): Promise<'ended' | 'silent'> {
  const { client, resource, selector, clock } = call;
  const what = `watch ${resource.plural}`;
  const { body } = await client.stream({
    path: pathOf(resource, selector.namespace),
    query: {
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion: call.resourceVersion,
      timeoutSeconds: call.timeoutSeconds,
      labelSelector: selector.labelSelector,
      fieldSelector: selector.fieldSelector,
    },
    signal: call.signal,
    what,
  });
  let silent = false;
  const expire = () => {
    silent = true;
    body.destroy();
  };
  let watchdog = clock.after(call.silenceMs, expire);
  const split = lineSplitter();
  try {
    for await (const chunk of body) {
      clock.cancel(watchdog);
      watchdog = clock.after(call.silenceMs, expire);
      for (const line of split(chunk as Buffer)) {
        const event = parse<T>(what, line);
        if (event.type === 'ERROR') throw errorFromStatus(what, event.object);
        onEvent(event);
      }
    }
    return silent ? 'silent' : 'ended';
  } catch (error) {
    if (error instanceof KubeError || call.signal.aborted) throw error;
    if (silent) return 'silent';
    throw new KubeError(0, 'Unreachable', `${what}: the connection broke: ${error instanceof Error ? error.message : String(error)}`, undefined, error);
  } finally {
    clock.cancel(watchdog);
    body.destroy();
  }
}

const TYPES = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']);

function parse<T>(what: string, line: string): WatchEvent<T> {
  let event: Partial<WatchEvent<T>> | null;
  try {
    event = JSON.parse(line) as Partial<WatchEvent<T>> | null;
  } catch (cause) {
    throw new KubeError(0, 'InvalidResponse', `${what}: an event is not JSON`, undefined, cause);
  }
  if (!event || !TYPES.has(String(event.type)) || typeof event.object !== 'object' || event.object === null) {
    throw new KubeError(0, 'InvalidResponse', `${what}: an event has no type or no object`);
  }
  return event as WatchEvent<T>;
}
