import { ProxyError } from '../errors.ts';

/**
 * Index after the CRLF CRLF that ends a head, or -1. `from` may be as early as the first byte of the head; only buf[from, end) is looked at.
 * Looks at one byte in four where the bytes are ordinary ones.
 */
export function findHeadEnd(buf: Buffer, from: number, end: number): number {
  let i = from + 3;
  while (i < end) {
    const c = buf[i]!;
    if (c > 13) {
      i += 4;
    } else if (c === 10) {
      if (buf[i - 2] === 10 && buf[i - 1] === 13 && buf[i - 3] === 13) return i + 1;
      i += 2;
    } else {
      i += 1;
    }
  }
  return -1;
}

/**
 * Throws when buf[from, end), part of an unfinished head that begins at `start`, already holds a line end that is not CRLF, so that such a peer is not
 * waited for.
 */
export function refuseBareLineEnds(buf: Buffer, start: number, from: number, end: number): void {
  for (let i = from; i < end; i++) {
    if (buf[i] === 10 && (i === start || buf[i - 1] !== 13)) throw new ProxyError('BAD_REQUEST', 'a line of the head ends without CR', 'bare-lf');
  }
}
