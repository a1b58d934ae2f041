import type { MeshConfig } from '../../api/config.ts';
import type { Changes, LiveOptions } from '../cluster/live.ts';
import type { Streams } from '../cluster/streams.ts';

/** What the policy services run on. */
export interface PolicyOptions {
  changes: Changes;
  config: MeshConfig;
  streams: Streams;
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
