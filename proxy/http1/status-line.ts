import { ProxyError } from '../errors.ts';
import { VALUE } from './chars.ts';

/** The parts of one status line. One object is reused for all: read it before the next call. */
export class StatusLine {
  status = 0;
  version: 0 | 1 = 1;
  /** index after the CRLF */
  next = 0;
}

const LINE = new StatusLine();

/** Parses HTTP/1.d SP status [SP reason] CRLF (RFC 9112 4) at buf[p], in a whole head. Throws ProxyError. The reason is dropped. */
export function parseStatusLine(buf: Buffer, p: number): StatusLine {
  const named = buf[p] === 72 && buf[p + 1] === 84 && buf[p + 2] === 84 && buf[p + 3] === 80 && buf[p + 4] === 47;
  const minor = buf[p + 7]! - 48;
  if (!named || buf[p + 5] !== 49 || buf[p + 6] !== 46 || !(minor >= 0 && minor <= 9) || buf[p + 8] !== 32) throw bad();
  const a = buf[p + 9]! - 48;
  const b = buf[p + 10]! - 48;
  const c = buf[p + 11]! - 48;
  if (!(a >= 1 && a <= 9 && b >= 0 && b <= 9 && c >= 0 && c <= 9)) throw bad();
  p += 12;
  // Servers without a reason leave out the space before it as well, so both are taken.
  if (buf[p] === 32) do p++; while (VALUE[buf[p]!] === 1);
  if (buf[p] !== 13 || buf[p + 1] !== 10) throw bad();
  LINE.status = a * 100 + b * 10 + c;
  LINE.version = minor === 0 ? 0 : 1;
  LINE.next = p + 2;
  return LINE;
}

const bad = (): ProxyError => new ProxyError('BAD_GATEWAY', 'the response does not begin with a status line', 'bad-status-line');
