import type { Wire } from '../io/wire.ts';
import { field, type Fields, type RequestHead, type ResponseHead } from '../message/contract.ts';
import type { HttpDate } from '../message/date.ts';
import { withKey } from '../message/websocket.ts';
import { isKnownAuthority } from '../message/authority.ts';
import { isFieldName, isFieldValue, isVisible } from './chars.ts';
import { statusLine } from './reasons.ts';
import { encodedForms, hasTe } from '../message/shared.ts';

/** How the end of a body shows on the wire (RFC 9112 6). */
export const FRAMING = {
  NONE: 0,
  LENGTH: 1,
  CHUNKED: 2,
  /** until the connection closes; responses only */
  CLOSE: 3,
  TUNNEL: 4,
} as const;
export type Framing = (typeof FRAMING)[keyof typeof FRAMING];

/** Fields that the codec writes by itself; in a Fields array they would let somebody else decide about framing or routing. */
const OWN = new Set(['host', 'content-length', 'transfer-encoding', 'connection', 'keep-alive', 'proxy-connection', 'upgrade']);

const LAST_CHUNK = Buffer.from('0\r\n\r\n', 'latin1');

/** Field lines without the empty line, or null when a name or value may not be sent: nothing gets past this by which a line could be split. */
function fieldLines(fields: Fields): string | null {
  let s = '';
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!;
    const value = fields[i + 1]!;
    if (!isFieldName(name) || !isFieldValue(value)) return null;
    if (!OWN.has(name)) s += `${name}: ${value}\r\n`;
  }
  return s;
}

/** Writes `start`, the field lines and the empty line. False when a field is invalid; then nothing was written. */
function writeHead(wire: Wire, start: string, fields: Fields): boolean {
  const forms = encodedForms(fields);
  if (forms === undefined) {
    const lines = fieldLines(fields);
    if (lines === null) return false;
    wire.writeLatin1(`${start}${lines}\r\n`);
    return true;
  }
  if (forms.http1 === null) {
    const lines = fieldLines(fields);
    if (lines === null) return false;
    forms.http1 = Buffer.from(`${lines}\r\n`, 'latin1');
  }
  wire.writeLatin1(start);
  wire.write(forms.http1);
  return true;
}

/**
 * Writes the head of a request. False, and nothing written, when it holds bytes that a head may not have (they can come from HTTP/2 or a layer, never from
 * the HTTP/1 parser).
 */
export function writeRequestHead(wire: Wire, head: RequestHead, framing: Framing): boolean {
  const { method, path, authority } = head;
  if ((method !== 'GET' && !isFieldName(method.toLowerCase())) || !isKnownAuthority(authority)) return false;
  let start: string;
  if (method === 'CONNECT') start = `CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n`;
  else if (!isVisible(path)) return false;
  else if (head.absoluteForm) start = `${method} ${head.scheme}://${authority}${path === '*' ? '' : path} HTTP/1.1\r\nhost: ${authority}\r\n`;
  else start = `${method} ${path} HTTP/1.1\r\nhost: ${authority}\r\n`;
  if (framing === FRAMING.LENGTH) start += `content-length: ${head.contentLength}\r\n`;
  else if (framing === FRAMING.CHUNKED) start += 'transfer-encoding: chunked\r\n';
  else if (head.contentLength === 0) start += 'content-length: 0\r\n';
  if (head.upgrade !== '') {
    if (!isFieldValue(head.upgrade)) return false;
    start += `connection: upgrade\r\nupgrade: ${head.upgrade}\r\n`;
    return writeHead(wire, start, head.version === 2 ? withKey(head.upgrade, head.fields) : head.fields);
  }
  if (hasTe(head.fields)) start += 'connection: te\r\n';
  return writeHead(wire, start, head.fields);
}

/**
 * Writes the head of a response. `connection` is the whole Connection line or ''. `length` is the Content-Length to send, -1 for none. A final response
 * without Date gets `date`.
 */
export function writeResponseHead(wire: Wire, head: ResponseHead, framing: Framing, length: number, connection: string, date: HttpDate | null): boolean {
  let start = statusLine(head.status);
  if (framing === FRAMING.CHUNKED) start += 'transfer-encoding: chunked\r\n';
  else if (length >= 0) start += `content-length: ${length}\r\n`;
  if (date !== null && head.status >= 200 && field(head.fields, 'date') === undefined) start += `date: ${date.text}\r\n`;
  return writeHead(wire, start + connection, head.fields);
}

/** Writes one piece of a body in its framing. */
export function writeBody(wire: Wire, buf: Buffer, start: number, end: number, framing: Framing): void {
  if (framing !== FRAMING.CHUNKED) {
    wire.write(buf, start, end);
    return;
  }
  // An empty chunk would end the body.
  if (end === start) return;
  wire.writeLatin1(`${(end - start).toString(16)}\r\n`);
  wire.write(buf, start, end);
  const out = wire.room(2);
  out[wire.pos++] = 13;
  out[wire.pos++] = 10;
}

/** Ends a chunked body. Invalid trailers are left out: the body itself is complete and must end. */
export function writeLastChunk(wire: Wire, trailers: Fields | null): void {
  const lines = trailers === null ? '' : fieldLines(trailers);
  if (lines === null || lines === '') wire.write(LAST_CHUNK);
  else wire.writeLatin1(`0\r\n${lines}\r\n`);
}
