import type { Timer } from '../../lib/clock.ts';
import type { Balancer } from '../balance/balancer.ts';
import { addrOf, endpointOf } from './convert.ts';
import { DESTINATION_GET } from './methods.ts';
import { Watch, type Channel } from './watch.ts';

/** After a stream was opened again: how long after its first message the rest may come, before what it did not name counts as gone. */
const SETTLE_MS = 200;

/**
 * Keeps a balancer's endpoints as Destination.Get says. While the stream is down the last known endpoints stay; after it
 * is opened again, what its first messages do not name is removed.
 */
export function watchEndpoints(channel: Channel, path: string, context: string, balancer: Balancer): () => void {
  let stale: Set<string> | null = null;
  let known = new Map<string, { ip: string; port: number }>();
  let timer: Timer | null = null;
  const settle = (): void => {
    timer = null;
    if (stale === null) return;
    const gone = [...stale].flatMap((key) => known.get(key) ?? []);
    for (const key of stale) known.delete(key);
    stale = null;
    if (gone.length > 0) balancer.remove(gone);
  };
  const watch = new Watch(channel, DESTINATION_GET, { scheme: '', path, contextToken: context }, {
    message: ({ update }) => {
      if (update.case === 'add') {
        const infos = update.value.addrs.map((a) => endpointOf(a, update.value.metricLabels));
        for (const i of infos) {
          const key = `${i.addr.ip} ${i.addr.port}`;
          known.set(key, i.addr);
          stale?.delete(key);
        }
        balancer.add(infos);
        // A server sends what it has in one message; a moment is allowed for more before the rest counts as gone.
        if (stale !== null) timer ??= channel.clock.after(SETTLE_MS, settle);
      } else if (update.case === 'remove') {
        const addrs = update.value.addrs.map(addrOf);
        for (const a of addrs) known.delete(`${a.ip} ${a.port}`);
        balancer.remove(addrs);
      } else if (update.case === 'noEndpoints') {
        stale = null;
        known = new Map();
        balancer.clear();
      }
    },
    ended: () => {
      // Otherwise it would end the wait of a stream that has not said anything yet, and take every endpoint away.
      channel.clock.cancel(timer);
      timer = null;
      stale = new Set(known.keys());
      return false;
    },
  });
  return () => {
    channel.clock.cancel(timer);
    watch.stop();
  };
}
