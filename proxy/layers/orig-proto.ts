/**
 * HTTP/1 between peers travels as HTTP/2 on one connection, marked with l5d-orig-proto (linkerd2-proxy's orig_proto): the sending
 * side adds it, the receiving side takes it off and speaks HTTP/1 to the application.
 */
import { field, type Fields, type Layer } from '../message/contract.ts';
import { HeadMapper, withFields, without } from './headers.ts';

export const ORIG_PROTO = 'l5d-orig-proto';

/**
 * Outbound, in front of a peer that takes HTTP/2: marks what was HTTP/1. Host goes along beside :authority, because linkerd2-proxy gives the application the
 * fields that it got and makes none; for the same reason a request of HTTP/1.0 without Host is sent with `fallback`, since linkerd2-proxy answers 500
 * where there is no authority at all.
 */
export function upgradeHttp1(fallback: string): Layer {
  return (next) => (head, ended, client) => {
    if (head.version === 2 || head.upgrade !== '' || head.method === 'CONNECT') return next(head, ended, client);
    const mark = `HTTP/1.${head.version}${head.absoluteForm ? '; absolute-form' : ''}`;
    const named = head.authority !== '';
    const marked = withFields(head, named ? [...head.fields, 'host', head.authority, ORIG_PROTO, mark] : [...head.fields, ORIG_PROTO, mark]);
    if (!named) marked.authority = fallback;
    return next(marked, ended, new Unmark(client));
  };
}

/** Inbound, behind mesh TLS: HTTP/1 again for the application. `trusted` is false for clients outside the mesh, whose mark is dropped unread. */
export function downgradeHttp1(trusted: boolean): Layer {
  return (next) => (head, ended, client) => {
    const mark = head.version === 2 ? field(head.fields, ORIG_PROTO) : undefined;
    if (mark === undefined) return next(head, ended, client);
    const plain = withFields(head, without(head.fields, ORIG_PROTO));
    if (!trusted) return next(plain, ended, client);
    plain.version = mark.startsWith('HTTP/1.0') ? 0 : 1;
    plain.absoluteForm = mark.includes('absolute-form');
    return next(plain, ended, new Mark(client));
  };
}

/** What linkerd2-proxy tells its peer and not the client. */
const PEER_ONLY = 'l5d-proxy-connection';

class Unmark extends HeadMapper {
  protected override map(fields: Fields): Fields {
    const plain = fields.includes(ORIG_PROTO) ? without(fields, ORIG_PROTO) : fields;
    return plain.includes(PEER_ONLY) ? without(plain, PEER_ONLY) : plain;
  }
}

class Mark extends HeadMapper {
  protected override map(fields: Fields): Fields {
    return [...fields, ORIG_PROTO, 'HTTP/1.1'];
  }
}
