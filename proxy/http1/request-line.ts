import { ProxyError } from '../errors.ts';
import { isAuthority, isConnectTarget } from '../message/authority.ts';
import { LOWER_TOKEN, TARGET } from './chars.ts';
import { latin1 } from './latin1.ts';

/** The parts of one request line. One object is reused for all: read it before the next call. */
export class RequestLine {
  method = '';
  /** see RequestHead.path */
  path = '';
  /** authority of an absolute-form or authority-form target, '' otherwise */
  authority = '';
  /** scheme of an absolute-form target, '' otherwise */
  scheme = '';
  absoluteForm = false;
  version: 0 | 1 = 1;
  /** index after the CRLF */
  next = 0;
}

const LINE = new RequestLine();
const METHODS = new Map(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'].map((m) => [m, m]));
const MAX_METHOD = 64;
const ABSOLUTE = /^(https?):\/\/([^/?]*)(\/[^?]*)?(\?.*)?$/i;

/**
 * Parses METHOD SP target SP HTTP/d.d CRLF (RFC 9112 3) at buf[p]; bytes up to `end` are a whole head. Throws ProxyError.
 */
export function parseRequestLine(buf: Buffer, p: number, end: number, maxBytes: number): RequestLine {
  const start = p;
  const line = LINE;
  line.authority = '';
  line.scheme = '';
  line.absoluteForm = false;
  if (buf[p] === 71 && buf[p + 1] === 69 && buf[p + 2] === 84 && buf[p + 3] === 32) {
    line.method = 'GET';
    p += 3;
  } else {
    while (LOWER_TOKEN[buf[p]!] !== 0) p++;
    if (buf[p] !== 32 || p === start) throw badMethod(buf[p]!);
    if (p - start > MAX_METHOD) throw unknownMethod();
    const text = latin1(buf, start, p);
    line.method = METHODS.get(text) ?? text;
  }
  const targetStart = ++p;
  while (TARGET[buf[p]!] === 1) p++;
  if (p - start > maxBytes || end - start < 12) throw p - start > maxBytes ? tooLong() : badVersion();
  if (buf[p] !== 32 || p === targetStart) throw badTarget(buf[p]!);
  const targetEnd = p++;
  line.version = parseVersion(buf, p);
  line.next = p + 10;
  target(line, buf, targetStart, targetEnd);
  return line;
}

function target(line: RequestLine, buf: Buffer, start: number, end: number): void {
  if (line.method === 'CONNECT') {
    const authority = latin1(buf, start, end);
    if (!isConnectTarget(authority)) throw badTarget(0);
    line.authority = authority;
    line.path = '';
    return;
  }
  if (buf[start] === 47) {
    line.path = latin1(buf, start, end);
    return;
  }
  const text = latin1(buf, start, end);
  if (text === '*') {
    if (line.method !== 'OPTIONS') throw badTarget(0);
    line.path = '*';
    return;
  }
  const m = ABSOLUTE.exec(text);
  if (m === null || m[2] === '' || !isAuthority(m[2]!)) throw badTarget(0);
  line.absoluteForm = true;
  line.scheme = m[1]!.toLowerCase();
  line.authority = m[2]!;
  // RFC 9112 3.2.4: OPTIONS for a whole server has neither path nor query.
  if (m[3] === undefined && m[4] === undefined && line.method === 'OPTIONS') line.path = '*';
  else line.path = (m[3] ?? '/') + (m[4] ?? '');
}

function parseVersion(buf: Buffer, p: number): 0 | 1 {
  const named = buf[p] === 72 && buf[p + 1] === 84 && buf[p + 2] === 84 && buf[p + 3] === 80 && buf[p + 4] === 47;
  const major = buf[p + 5]! - 48;
  const minor = buf[p + 7]! - 48;
  if (!named || !(major >= 0 && major <= 9) || buf[p + 6] !== 46 || !(minor >= 0 && minor <= 9)) throw badVersion();
  if (buf[p + 8] !== 13 || buf[p + 9] !== 10) throw buf[p + 8] === 10 ? bareLf() : badVersion();
  if (major !== 1) throw new ProxyError('VERSION_NOT_SUPPORTED', `HTTP/${major}.${minor} is not spoken on this connection`, 'unsupported-version');
  return minor === 0 ? 0 : 1;
}

const tooLong = (): ProxyError => new ProxyError('URI_TOO_LONG', 'the request line is too long', 'request-line-too-long');
/** RFC 9112 3: longer than any method that there is. */
const unknownMethod = (): ProxyError => new ProxyError('METHOD_NOT_IMPLEMENTED', 'no such method', 'method-too-long');
const badVersion = (): ProxyError => new ProxyError('BAD_REQUEST', 'the request line does not end in an HTTP version', 'bad-version');
const bareLf = (): ProxyError => new ProxyError('BAD_REQUEST', 'the request line ends without CR', 'bare-lf');

function badMethod(c: number): ProxyError {
  if (c === 10) return bareLf();
  return new ProxyError('BAD_REQUEST', 'the request does not begin with a method', 'bad-method');
}

function badTarget(c: number): ProxyError {
  if (c === 13) return badVersion();
  if (c === 10) return bareLf();
  return new ProxyError('BAD_REQUEST', 'the request target is not valid', 'bad-target');
}
