import { field, ResponseHead, type Fields, type RequestHead, type RequestStream, type ResponseStream, type Service } from '../message/contract.ts';
import { sensitiveNames } from '../http2/hpack/sensitive.ts';
import { answeredEarly } from '../respond.ts';
import { withFields } from './headers.ts';

const NAME = 'max-forwards';
const MOST = 999_999_999;
/** Fields that TRACE does not show, beside those known to be secret: a page could read them that way (RFC 9110 9.3.8). */
const SECRET = new Set(['x-api-key', 'x-auth-token', 'x-csrf-token', 'x-forwarded-client-cert']);

/**
 * Max-Forwards of TRACE and OPTIONS (RFC 9110 7.6.2): one less on the next hop; at 0 the request ends here and is answered as by its last recipient. Other methods and
 * requests without it pass as they are.
 */
export function limitHops(next: Service, head: RequestHead, ended: boolean, client: ResponseStream): RequestStream {
  if (head.method !== 'OPTIONS' && head.method !== 'TRACE') return next(head, ended, client);
  const left = field(head.fields, NAME) ?? '';
  if (!/^\d+$/.test(left)) return next(head, ended, client);
  const hops = Number(left);
  if (hops > 0) return next(withFields(head, counted(head.fields, String(Math.min(hops - 1, MOST)))), ended, client);
  if (head.method === 'TRACE') {
    const seen = Buffer.from(reflection(head), 'latin1');
    client.head(new ResponseHead(200, ['content-type', 'message/http'], seen.length));
    client.data(seen, 0, seen.length);
  } else {
    client.head(new ResponseHead(200, [], 0));
  }
  client.end(null);
  return answeredEarly(ended, client);
}

function counted(fields: Fields, left: string): Fields {
  const out = [...fields];
  for (let i = 0; i < out.length; i += 2) if (out[i] === NAME) out[i + 1] = left;
  return out;
}

/** The request as it came here, as message/http (RFC 9112 10.1). */
function reflection({ method, path, authority, fields }: RequestHead): string {
  let text = `${method} ${path} HTTP/1.1\r\nhost: ${authority}\r\n`;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!;
    if (!SECRET.has(name) && !sensitiveNames.has(name)) text += `${name}: ${fields[i + 1]!}\r\n`;
  }
  return `${text}\r\n`;
}
