import type { TapEvent } from '../../api/metrics-api.ts';
import type { StatusFilter } from './options.ts';

/** Exchanges whose answer has not come; a proxy reports at most a hundred requests a second, so this is minutes of them. */
const MAX_WAITING = 10_000;

/**
 * Lets through the events of exchanges with a wanted status. The status is known only when the answer begins, so the request is held back until
 * then; of more than 10,000 held back the oldest are forgotten.
 */
export function byStatus(wanted: StatusFilter): (event: TapEvent) => TapEvent[] {
  const waiting = new Map<string, TapEvent>();
  const chosen = new Set<string>();
  return (event) => {
    const key = `${event.pod} ${event.proxyDirection} ${event.id}`;
    if (event.requestInit) {
      waiting.set(key, event);
      if (waiting.size > MAX_WAITING) waiting.delete(waiting.keys().next().value!);
      return [];
    }
    if (event.responseInit) {
      const request = waiting.get(key);
      waiting.delete(key);
      if (!wanted(event.responseInit.httpStatus)) return [];
      chosen.add(key);
      return request ? [request, event] : [event];
    }
    waiting.delete(key);
    return chosen.delete(key) ? [event] : [];
  };
}
