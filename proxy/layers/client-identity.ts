/**
 * Inbound: tells the application who calls, by `l5d-client-id` as linkerd2-proxy does. What a client says about itself there is dropped, in and outside the
 * mesh, so the application may believe the field.
 */
import type { Fields, Layer } from '../message/contract.ts';
import { derived } from '../message/shared.ts';
import { without } from './headers.ts';

const NAME = 'l5d-client-id';

/** `identity`: the client's, verified; '' when it has none. Changes the head that it is given: nothing above it sends a request a second time. */
export function clientIdentity(identity: string): Layer {
  const memo = new WeakMap<Fields, Fields>();
  const told = (fields: Fields): Fields => {
    const kept = fields.includes(NAME) ? without(fields, NAME) : fields;
    return identity === '' ? kept : [...kept, NAME, identity];
  };
  return (next) => (head, ended, client) => {
    if (identity !== '') head.fields = derived(memo, head.fields, told);
    else if (head.fields.includes(NAME)) head.fields = without(head.fields, NAME);
    return next(head, ended, client);
  };
}
