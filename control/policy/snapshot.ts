import type { MeshConfig } from '../../api/config.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Changes, LiveOptions } from '../cluster/live.ts';
import type { Streams } from '../cluster/streams.ts';
import type { ClusterView } from '../cluster/view.ts';

/** What the policy services run on. */
export interface PolicyOptions<V = ClusterView> {
  changes: Changes<V>;
  config: MeshConfig;
  streams: Streams;
  clock: Clock;
  onError: LiveOptions<unknown>['onError'];
}

/** A compiled policy, undefined as long as there is nothing to have one, and its text, by which no change is recognised. */
export interface Snapshot<P> { policy: P | undefined; text: string }

/** The snapshot after a compilation: the previous one when nothing differs, or when what it was made from has gone. */
export function snapshot<P>(policy: P | undefined, previous: Snapshot<P> | undefined): Snapshot<P> {
  if (policy === undefined) return previous ?? { policy, text: '' };
  const text = JSON.stringify(policy);
  return previous?.text === text ? previous : { policy, text };
}

/**
 * Makes equal snapshots one object, for as long as somebody holds it: clients of different namespaces mostly get the same policy, and what is
 * made of it (once, in wire.ts) should be made once.
 */
export function sharedSnapshots<P>(): (one: Snapshot<P>) => Snapshot<P> {
  const held = new Map<string, WeakRef<Snapshot<P>>>();
  const gone = new FinalizationRegistry<string>((text) => {
    if (held.get(text)?.deref() === undefined) held.delete(text);
  });
  return (one) => {
    const known = held.get(one.text)?.deref();
    if (known !== undefined) return known;
    held.set(one.text, new WeakRef(one));
    gone.register(one, one.text);
    return one;
  };
}
