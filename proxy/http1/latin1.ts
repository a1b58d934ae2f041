interface Sliceable { latin1Slice(start: number, end: number): string }

/** buf[start, end) as a string. toString('latin1') checks and dispatches its arguments first, which shows in a profile of small heads. */
export function latin1(buf: Buffer, start: number, end: number): string {
  return (buf as unknown as Sliceable).latin1Slice(start, end);
}
