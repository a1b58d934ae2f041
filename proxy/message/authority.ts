/** uri-host [ ":" port ] of RFC 3986 3.2 without user information; the empty string is valid (RFC 9112 3.2). */
const AUTHORITY = /^(?:\[[0-9a-fA-F:.]+(?:%25[A-Za-z0-9._~-]+)?\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(?::[0-9]{0,5})?$/;
const PERCENT = /%(?![0-9a-fA-F]{2})/;
const PORT = /[^:]:([0-9]{1,5})$/;
const MAX_KNOWN = 64;

export function isAuthority(s: string): boolean {
  return s.length <= 512 && AUTHORITY.test(s) && !PERCENT.test(s) && !s.startsWith(':');
}

/** What CONNECT may ask for: an authority with a port that there can be (RFC 9110 9.3.6). */
export function isConnectTarget(s: string): boolean {
  const port = Number(PORT.exec(s)?.[1] ?? 0);
  return port >= 1 && port <= 65535 && isAuthority(s);
}

/** The authority that was found valid last: nearly always the next one too. */
let last = '';
const known = new Set<string>();

/** isAuthority, for whoever asks about the same few again and again. */
export function isKnownAuthority(s: string): boolean {
  if (s === last) return true;
  if (!known.has(s)) {
    if (!isAuthority(s)) return false;
    if (known.size >= MAX_KNOWN) known.clear();
    known.add(s);
  }
  last = s;
  return true;
}
