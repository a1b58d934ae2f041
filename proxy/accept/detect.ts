import { parseClientHello } from './client-hello.ts';

export type Detected = { kind: 'http1' | 'http2' | 'opaque' | 'more' } | { kind: 'tls'; sni: string };

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
const MORE: Detected = { kind: 'more' };
const HTTP1: Detected = { kind: 'http1' };
const HTTP2: Detected = { kind: 'http2' };
const OPAQUE: Detected = { kind: 'opaque' };
/** a request line is looked for in at most this many bytes */
const MAX_LINE = 8192;
const MAX_METHOD = 24;

/**
 * What the first bytes of a connection are. `more` asks for more of them; it is given only while every answer is still possible, so a client that
 * sends anything else is never held up.
 */
export function detect(b: Uint8Array): Detected {
  if (b.length === 0) return MORE;
  const first = b[0]!;
  if (first === 22) {
    const hello = parseClientHello(b);
    if (hello.kind === 'hello') return { kind: 'tls', sni: hello.sni };
    return hello.kind === 'incomplete' ? MORE : OPAQUE;
  }
  if (first === PREFACE[0]) {
    const n = Math.min(b.length, PREFACE.length);
    let i = 0;
    while (i < n && b[i] === PREFACE[i]) i++;
    if (i === PREFACE.length) return HTTP2;
    if (i === n) return MORE;
  }
  return detectHttp1(b);
}

/** METHOD SP target SP HTTP/1.x CRLF (RFC 9112 3); leading empty lines are allowed as in 2.2. */
function detectHttp1(b: Uint8Array): Detected {
  let p = 0;
  while (p < 4 && p < b.length && (b[p] === 13 || b[p] === 10)) p++;
  if (p === b.length) return MORE;
  const start = p;
  while (p < b.length && isMethodByte(b[p]!)) p++;
  if (p === b.length) return p - start <= MAX_METHOD ? MORE : OPAQUE;
  if (b[p] !== 32 || p === start || p - start > MAX_METHOD) return OPAQUE;
  const limit = Math.min(b.length, MAX_LINE);
  for (p++; p < limit; p++) {
    const c = b[p]!;
    if (c === 10) return endsWithVersion(b, start, p) ? HTTP1 : OPAQUE;
    if (c < 32 && c !== 13) return OPAQUE;
  }
  // A target longer than the limit is still HTTP to whoever reads it: the codec answers 414.
  return b.length >= MAX_LINE ? HTTP1 : MORE;
}

function endsWithVersion(b: Uint8Array, start: number, lf: number): boolean {
  const end = b[lf - 1] === 13 ? lf - 1 : lf;
  if (end - start < 10) return false;
  const v = Buffer.from(b.buffer, b.byteOffset + end - 8, 8).toString('latin1');
  return /^HTTP\/\d\.\d$/.test(v);
}

/** Upper-case letters, digits, '-' and '_': methods in use; a narrower set than RFC 9110's token so that text protocols stay opaque. */
function isMethodByte(c: number): boolean {
  return (c >= 65 && c <= 90) || c === 45 || c === 95 || (c >= 48 && c <= 57);
}
