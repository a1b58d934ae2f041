/**
 * Inbound: tells the application who calls, by `l5d-client-id` as linkerd2-proxy does. What a client says about itself there is dropped, in and outside the
 * mesh, so the application may believe the field.
 */
import type { Layer } from '../message/contract.ts';
import { withFields, without } from './headers.ts';

const NAME = 'l5d-client-id';

/** `identity`: the client's, verified; '' when it has none. */
export function clientIdentity(identity: string): Layer {
  return (next) => (head, ended, client) => {
    const forged = head.fields.includes(NAME);
    if (!forged && identity === '') return next(head, ended, client);
    const kept = forged ? without(head.fields, NAME) : head.fields;
    const fields = identity === '' ? kept : [...kept, NAME, identity];
    return next(withFields(head, fields), ended, client);
  };
}
