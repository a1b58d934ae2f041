/**
 * What a header field's name means to HTTP/2 (RFC 9113 8.2, 8.3) and which octets its name and value may have. Decided once for each entry
 * of a table, so that a field that arrives as an index costs no check.
 */
import { STATIC } from './static-table.ts';

export const KIND = {
  plain: 0,
  method: 1,
  scheme: 2,
  authority: 3,
  path: 4,
  status: 5,
  /** RFC 8441 4 */
  protocol: 6,
  /** a pseudo-header field that is not defined here (RFC 9113 8.3) */
  badPseudo: 7,
  contentLength: 8,
  host: 9,
  te: 10,
  cookie: 11,
  /** goes with one connection, so it has no place in HTTP/2 (RFC 9113 8.2.2) */
  hopByHop: 12,
  badName: 13,
  /** an ordinary field whose value is a secret */
  secret: 14,
} as const;
export type Kind = (typeof KIND)[keyof typeof KIND];

/** Known name -> its one string object (so that lookups compare pointers) and kind. */
class Name {
  readonly text: string;
  readonly kind: Kind;
  constructor(text: string, kind: Kind) {
    this.text = text;
    this.kind = kind;
  }
}

const SPECIAL: Record<string, Kind> = {
  ':method': KIND.method, ':scheme': KIND.scheme, ':authority': KIND.authority, ':path': KIND.path, ':status': KIND.status, ':protocol': KIND.protocol,
  'content-length': KIND.contentLength, 'host': KIND.host, 'te': KIND.te, 'cookie': KIND.cookie,
  'connection': KIND.hopByHop, 'keep-alive': KIND.hopByHop, 'proxy-connection': KIND.hopByHop, 'transfer-encoding': KIND.hopByHop, 'upgrade': KIND.hopByHop,
  'authorization': KIND.secret, 'proxy-authorization': KIND.secret, 'set-cookie': KIND.secret,
};
const OFTEN = [
  'grpc-status', 'grpc-message', 'grpc-timeout', 'grpc-encoding', 'grpc-accept-encoding', 'traceparent', 'tracestate', 'x-request-id',
  'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'l5d-orig-proto', 'l5d-dst-canonical', 'l5d-client-id', 'origin',
];
const NAMES = new Map<string, Name>();
for (const text of [...STATIC.map(([name]) => name), ...Object.keys(SPECIAL), ...OFTEN]) NAMES.set(text, new Name(text, SPECIAL[text] ?? KIND.plain));

export function kindOf(name: string): Kind {
  const known = NAMES.get(name);
  if (known !== undefined) return known.kind;
  return name.charCodeAt(0) === 0x3a ? KIND.badPseudo : KIND.plain;
}

/** The shared string for a well-known name, else `name` itself. */
export function canonicalName(name: string): string {
  return NAMES.get(name)?.text ?? name;
}

/** A name of the static table or of the few others that this file lists. */
export function isWellKnown(name: string): boolean {
  return NAMES.has(name);
}

const VALUE = 1;
const TOKEN = 2;
const LOWER_TOKEN = 4;
const PATH = 8;
const AUTHORITY = 16;
const DIGIT = 32;

/** Octet -> the sets it is in. */
const SETS = new Uint8Array(256);
{
  const put = (set: number, chars: string): void => {
    for (const c of chars) SETS[c.charCodeAt(0)]! |= set;
  };
  const lower = 'abcdefghijklmnopqrstuvwxyz';
  const digits = '0123456789';
  const marks = "!#$%&'*+-.^_`|~";
  put(DIGIT, digits);
  put(TOKEN, lower + lower.toUpperCase() + digits + marks);
  put(LOWER_TOKEN, lower + digits + marks);
  // host [":" port] of RFC 3986 3.2 without userinfo (RFC 9113 8.3.1 forbids it)
  put(AUTHORITY, `${lower}${lower.toUpperCase()}${digits}-._~!$&'()*+,;=%:[]`);
  for (let c = 0; c < 256; c++) {
    if (c === 9 || (c >= 32 && c !== 127)) SETS[c]! |= VALUE;
    // A fragment is no part of a path (RFC 9113 8.3.1).
    if (c > 32 && c !== 127 && c !== 0x23) SETS[c]! |= PATH;
  }
}

function all(buf: Uint8Array, start: number, end: number, set: number): boolean {
  for (let p = start; p < end; p++) if ((SETS[buf[p]!]! & set) === 0) return false;
  return true;
}

/** Field names are lower-case tokens; a pseudo-header field's follows its colon (RFC 9113 8.2.1). */
export function validName(buf: Uint8Array, start: number, end: number): boolean {
  const from = end > start && buf[start] === 0x3a ? start + 1 : start;
  return from < end && all(buf, from, end, LOWER_TOKEN);
}

function edgeIsSpace(c: number): boolean {
  return c === 32 || c === 9;
}

/** Whether the octets are a value that a field of this kind may have. Control characters are refused beyond what RFC 9113 8.2.1 asks for: no message needs them. */
export function validValue(kind: Kind, buf: Uint8Array, start: number, end: number): boolean {
  switch (kind) {
    case KIND.method:
    case KIND.protocol: return start < end && all(buf, start, end, TOKEN);
    case KIND.path: return start < end && (buf[start] === 0x2f || (buf[start] === 0x2a && end - start === 1)) && all(buf, start, end, PATH);
    case KIND.authority:
    case KIND.host: return start < end && all(buf, start, end, AUTHORITY);
    case KIND.status: return end - start === 3 && buf[start] !== 0x30 && all(buf, start, end, DIGIT);
    default: return start === end || (!edgeIsSpace(buf[start]!) && !edgeIsSpace(buf[end - 1]!) && all(buf, start, end, VALUE));
  }
}
