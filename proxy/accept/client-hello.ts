/**
 * Reads the server name out of a TLS ClientHello (RFC 8446 4.1.2, RFC 6066 3) without a TLS library, from however much of it has arrived.
 * Strict about lengths; a hello spread over several records is followed.
 */
export type Hello =
  | { kind: 'incomplete' }
  | { kind: 'not-tls' }
  /** sni is '' when the hello has none */
  | { kind: 'hello'; sni: string };

const INCOMPLETE: Hello = { kind: 'incomplete' };
const NOT_TLS: Hello = { kind: 'not-tls' };
const MAX_HELLO = 16 * 1024;
/** With the heads of its records: a hello cut into thousands of them is nobody's. */
export const MAX_HELLO_BYTES = MAX_HELLO + 64 * 5;

export function parseClientHello(b: Uint8Array): Hello {
  if (b.length === 0) return INCOMPLETE;
  // TLSPlaintext: type handshake(22), version 3.x, length
  if (b[0] !== 22 || (b.length > 1 && b[1] !== 3)) return NOT_TLS;
  if (b.length < 6) return INCOMPLETE;
  if (b[5] !== 1) return NOT_TLS;
  const body = handshakeBody(b);
  if (body === null) return NOT_TLS;
  if (body.complete) return helloSni(body.bytes);
  return b.length < MAX_HELLO_BYTES ? INCOMPLETE : NOT_TLS;
}

/** Joins the handshake bytes of consecutive records. */
function handshakeBody(b: Uint8Array): { bytes: Uint8Array; complete: boolean } | null {
  const parts: Uint8Array[] = [];
  let total = 0;
  let need = -1;
  for (let p = 0; p + 5 <= b.length;) {
    const len = (b[p + 3]! << 8) | b[p + 4]!;
    if (b[p] !== 22 || b[p + 1] !== 3 || len === 0 || len > MAX_HELLO) return null;
    const part = b.subarray(p + 5, Math.min(b.length, p + 5 + len));
    parts.push(part);
    total += part.length;
    if (need < 0 && total >= 4) {
      const all = parts.length === 1 ? part : Buffer.concat(parts);
      need = 4 + ((all[1]! << 16) | (all[2]! << 8) | all[3]!);
      if (need > MAX_HELLO) return null;
    }
    if (need >= 0 && total >= need) break;
    p += 5 + len;
  }
  const bytes = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  return { bytes: need >= 0 ? bytes.subarray(4, need) : bytes, complete: need >= 0 && total >= need };
}

function helloSni(b: Uint8Array): Hello {
  let p = 34; // legacy_version, random
  const u8 = (): number => b[p++] ?? NaN;
  const u16 = (): number => (u8() << 8) | u8();
  const skip = (n: number): void => { p += n; };
  skip(u8()); // session id
  skip(u16()); // cipher suites
  skip(u8()); // compression methods
  if (!(p <= b.length)) return NOT_TLS;
  if (p === b.length) return { kind: 'hello', sni: '' };
  const extensions = u16();
  const end = p + extensions;
  if (!(end <= b.length)) return NOT_TLS;
  while (p + 4 <= end) {
    const type = u16();
    const len = u16();
    if (p + len > end) return NOT_TLS;
    if (type === 0) {
      // ServerNameList: length, then one host_name(0) of length n
      const n = ((b[p + 3] ?? 0) << 8) | (b[p + 4] ?? 0);
      if (len < 5 || b[p + 2] !== 0 || n + 5 > len) return NOT_TLS;
      return { kind: 'hello', sni: Buffer.from(b.buffer, b.byteOffset + p + 5, n).toString('latin1').toLowerCase() };
    }
    p += len;
  }
  return { kind: 'hello', sni: '' };
}
