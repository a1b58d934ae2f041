/** Who spoke first on the connections to one destination so far. */
export type FirstWord = 'unknown' | 'client, HTTP' | 'server';

/**
 * How long a client may be silent before its server is dialled as well, milliseconds. Clients of HTTP, and most others, speak at once; where the server was
 * the one to speak nobody needs to wait, and where HTTP was spoken silence means nothing.
 */
export function quietMs(first: FirstWord): number {
  return first === 'unknown' ? 5 : first === 'server' ? 0 : 5_000;
}
