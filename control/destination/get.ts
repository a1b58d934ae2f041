import type { Update } from '../../api/gen/destination_pb.js';
import type { AddressSet } from './address-set.ts';
import type { Endpoint } from './endpoint.ts';
import { nearby } from './locality.ts';
import type { Place } from './locality.ts';
import { addUpdate, noEndpoints, removeUpdate } from './wire.ts';

/**
 * The messages that take a client from what it was told to what is true now. Additions go first, so that a rollout never shows it an empty
 * set; an empty set is said in words (no_endpoints), because a client that hears nothing waits until its requests fail.
 */
export async function* updates(sets: AsyncIterable<AddressSet>, place: () => Place): AsyncGenerator<Update, void, void> {
  let told = new Map<string, Endpoint>();
  let toldEmpty: boolean | undefined;
  for await (const set of sets) {
    const here = place();
    const now = nearby(set, here);
    if (now.size === 0) {
      if (toldEmpty !== set.exists) yield noEndpoints(set.exists);
      toldEmpty = set.exists;
    } else {
      const fresh = [...now].filter(([key, endpoint]) => told.get(key) !== endpoint).map(([, endpoint]) => endpoint);
      const gone = [...told].filter(([key]) => !now.has(key)).map(([, endpoint]) => endpoint);
      if (fresh.length > 0) yield addUpdate(fresh, set.labels, here);
      if (gone.length > 0) yield removeUpdate(gone);
      toldEmpty = undefined;
    }
    told = now;
  }
}
