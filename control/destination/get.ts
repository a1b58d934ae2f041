import { destination_Update } from '../../api/gen/tables.ts';
import type { Update } from '../../api/gen/destination_pb.js';
import type { Init } from '../../lib/grpc/wire.ts';
import { encodeFrames } from '../serve/frames.ts';
import type { Frames } from '../serve/call.ts';
import type { AddressSet } from './address-set.ts';
import type { Endpoint } from './endpoint.ts';
import { nearby } from './locality.ts';
import type { Place } from './locality.ts';
import { addUpdate, noEndpoints, removeUpdate } from './wire.ts';

/** What the clients of one place are to know of an address set. Never changed once made, and shared by all of them. */
export class Outlook {
  readonly set: AddressSet;
  readonly place: Place;
  readonly endpoints: Map<string, Endpoint>;
  /** what takes whoever knows another outlook (FIRST: nothing yet) to this one; null for no difference */
  readonly #from = new WeakMap<object, { frames: Frames | null }>();

  constructor(set: AddressSet, place: Place) {
    this.set = set;
    this.place = place;
    this.endpoints = nearby(set, place);
  }

  /** The messages for a client that was told `before`: made once, whatever the number of clients that go the same way. */
  after(before: Outlook | undefined): Frames | null {
    const key = before ?? FIRST;
    let known = this.#from.get(key);
    if (known === undefined) {
      const messages = updates(before, this);
      known = { frames: messages.length === 0 ? null : encodeFrames(destination_Update, messages) };
      this.#from.set(key, known);
    }
    return known.frames;
  }
}

const FIRST = {};

/** Many clients take no message over 4 MB, an endpoint has some hundred bytes, and what a proxy does with a message it does without a pause. */
const MOST_ENDPOINTS = 500;

/**
 * The messages that take a client from what it was told to what is true now. Additions go first, so that a rollout never shows it an empty
 * set; an empty set is said in words (no_endpoints), because a client that hears nothing waits until its requests fail.
 */
function updates(before: Outlook | undefined, { set, place, endpoints }: Outlook): Init<Update>[] {
  const told = before?.endpoints;
  if (endpoints.size === 0) return told?.size === 0 && before!.set.exists === set.exists ? [] : [noEndpoints(set.exists)];
  const fresh: Endpoint[] = [];
  for (const [key, endpoint] of endpoints) if (told?.get(key) !== endpoint) fresh.push(endpoint);
  const gone: Endpoint[] = [];
  for (const [key, endpoint] of told ?? []) if (!endpoints.has(key)) gone.push(endpoint);
  const messages: Init<Update>[] = [];
  for (let at = 0; at < fresh.length; at += MOST_ENDPOINTS) messages.push(addUpdate(fresh.slice(at, at + MOST_ENDPOINTS), set.labels, place));
  if (gone.length > 0) messages.push(removeUpdate(gone));
  return messages;
}

/** The outlooks on the newest sets, one for each place that makes a difference. */
export function outlooks(): (set: AddressSet, place: Place) => Outlook {
  const known = new WeakMap<AddressSet, { byNode: boolean; outlooks: Map<string, Outlook> }>();
  return (set, place) => {
    let of = known.get(set);
    if (of === undefined) {
      of = { byNode: dependsOnNode(set), outlooks: new Map() };
      known.set(set, of);
    }
    const key = of.byNode ? `${place.zone ?? ''} ${place.node ?? ''}` : (place.zone ?? '');
    let outlook = of.outlooks.get(key);
    if (outlook === undefined) {
      outlook = new Outlook(set, place);
      of.outlooks.set(key, outlook);
    }
    return outlook;
  };
}

/** Whether two clients of one zone may be given different endpoints. */
function dependsOnNode({ localOnly, endpoints }: AddressSet): boolean {
  if (localOnly) return true;
  for (const endpoint of endpoints.values()) if (endpoint.hintNodes) return true;
  return false;
}
