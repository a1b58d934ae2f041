/** Who spoke first on the connections to one destination so far. */
export type FirstWord = 'unknown' | 'client, HTTP' | 'server';

/**
 * How long a client may be silent before its server is dialled as well, milliseconds. Clients of HTTP, and most others, speak at once; where the server was
 * the one to speak nobody needs to wait, and where HTTP was spoken silence means nothing. `waited`: how long the client has had already, while the control plane
 * was asked; a millisecond is for looking whether it has spoken.
 */
export function quietMs(first: FirstWord, waited = 0): number {
  return first === 'unknown' ? Math.max(1, 5 - waited) : first === 'server' ? 0 : 5_000;
}
