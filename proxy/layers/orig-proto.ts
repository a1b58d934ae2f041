/**
 * HTTP/1 between peers travels as HTTP/2 on one connection, marked with l5d-orig-proto (linkerd2-proxy's orig_proto): the sending
 * side adds it, the receiving side takes it off and speaks HTTP/1 to the application.
 */
import { field, type Fields, type Layer, type ResponseHead } from '../message/contract.ts';
import { derived, encodedForms, share } from '../message/shared.ts';
import { HeadMapper, withFields, without } from './headers.ts';

export const ORIG_PROTO = 'l5d-orig-proto';
/** Of an answer 426: the Upgrade that it must have (RFC 9110 15.5.22), and that HTTP/2 has no place for. Our own: linkerd2-proxy neither sends nor takes it. */
const ORIG_UPGRADE = 'l5d-orig-upgrade';
const UPGRADE_REQUIRED = 426;

/**
 * Outbound, in front of a peer that takes HTTP/2: marks what was HTTP/1. Host goes along beside :authority, because linkerd2-proxy gives the application the
 * fields that it got and makes none; for the same reason a request of HTTP/1.0 without Host is sent with `fallback`, since linkerd2-proxy answers 500
 * where there is no authority at all.
 */
export function upgradeHttp1(fallback: string): Layer {
  return (next) => (head, ended, client) => {
    if (head.version === 2 || head.upgrade !== '' || head.method === 'CONNECT') return next(head, ended, client);
    const mark = `HTTP/1.${head.version}${head.absoluteForm ? '; absolute-form' : ''}`;
    const marked = withFields(head, markedFields(head.fields, head.authority, mark));
    if (head.authority === '') marked.authority = fallback;
    return next(marked, ended, new Unmark(client));
  };
}

/** What was made of a list that comes again and again: a client that repeats its fields asks the same authority as a rule. */
interface Marked { authority: string; mark: string; fields: Fields }
const marks = new WeakMap<Fields, Marked>();

function markedFields(fields: Fields, authority: string, mark: string): Fields {
  const known = marks.get(fields);
  if (known !== undefined && known.authority === authority && known.mark === mark) return known.fields;
  const made = authority === '' ? [...fields, ORIG_PROTO, mark] : [...fields, 'host', authority, ORIG_PROTO, mark];
  if (encodedForms(fields) !== undefined) {
    share(made);
    marks.set(fields, { authority, mark, fields: made });
  }
  return made;
}

/**
 * Inbound, behind mesh TLS: HTTP/1 again for the application. `trusted` is false for clients outside the mesh, whose mark is dropped unread. Changes the head that it
 * is given, which is the codec's, made for this request.
 */
export function downgradeHttp1(trusted: boolean): Layer {
  return (next) => (head, ended, client) => {
    const mark = head.version === 2 ? field(head.fields, ORIG_PROTO) : undefined;
    if (mark === undefined) return next(head, ended, client);
    head.fields = derived(plainFields, head.fields, takeMark);
    if (!trusted) return next(head, ended, client);
    head.version = mark.startsWith('HTTP/1.0') ? 0 : 1;
    head.absoluteForm = mark.includes('absolute-form');
    return next(head, ended, new Mark(client));
  };
}

const plainFields = new WeakMap<Fields, Fields>();
const takeMark = (fields: Fields): Fields => without(fields, ORIG_PROTO);

/** What linkerd2-proxy tells its peer and not the client. */
const PEER_ONLY = 'l5d-proxy-connection';

const unmarkedFields = new WeakMap<Fields, Fields>();
const unmark = (fields: Fields): Fields => {
  const plain = fields.includes(ORIG_PROTO) ? without(fields, ORIG_PROTO) : fields;
  return plain.includes(PEER_ONLY) ? without(plain, PEER_ONLY) : plain;
};

class Unmark extends HeadMapper {
  protected override map(fields: Fields, head: ResponseHead): Fields {
    const plain = derived(unmarkedFields, fields, unmark);
    if (head.status !== UPGRADE_REQUIRED) return plain;
    head.upgrade = field(plain, ORIG_UPGRADE) ?? '';
    return without(plain, ORIG_UPGRADE);
  }
}

const answerFields = new WeakMap<Fields, Fields>();
const addMark = (fields: Fields): Fields => [...fields, ORIG_PROTO, 'HTTP/1.1'];

class Mark extends HeadMapper {
  protected override map(fields: Fields, head: ResponseHead): Fields {
    const marked = derived(answerFields, fields, addMark);
    return head.status === UPGRADE_REQUIRED && head.upgrade !== '' ? [...marked, ORIG_UPGRADE, head.upgrade] : marked;
  }
}
