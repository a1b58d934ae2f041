/**
 * Octets to strings and back without the encoding dispatch of Buffer's toString() and write(), which costs as much as the work for the short strings
 * of headers. Both methods are on every Buffer of Node and Bun; only the type declarations lack them.
 */
interface Latin1 {
  latin1Slice(start: number, end: number): string;
  latin1Write(text: string, at: number, length: number): number;
}

export function fromLatin1(buf: Buffer, start: number, end: number): string {
  return (buf as unknown as Latin1).latin1Slice(start, end);
}

/** Writes `text` at buf[at]; returns the octets written. */
export function putLatin1(buf: Buffer, text: string, at: number): number {
  return (buf as unknown as Latin1).latin1Write(text, at, text.length);
}
