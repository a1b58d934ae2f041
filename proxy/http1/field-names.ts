import { latin1 } from './latin1.ts';

/** What the codec itself has to do with a field; NORMAL ones pass through. */
export const KIND = {
  NORMAL: 0,
  HOST: 1,
  CONTENT_LENGTH: 2,
  TRANSFER_ENCODING: 3,
  CONNECTION: 4,
  KEEP_ALIVE: 5,
  PROXY_CONNECTION: 6,
  UPGRADE: 7,
  TE: 8,
  EXPECT: 9,
  /** passes through, but a head with it is not kept in a cache */
  SECRET: 10,
} as const;

export class FieldName {
  readonly name: string;
  readonly kind: number;
  /** may not stand in a trailer section (RFC 9110 6.5.1: framing, routing, authentication, request modifiers, content handling) */
  readonly inTrailers: boolean;

  constructor(name: string, kind: number, inTrailers: boolean) {
    this.name = name;
    this.kind = kind;
    this.inTrailers = inTrailers;
  }
}

const SPECIAL: Record<string, number> = {
  host: KIND.HOST,
  'content-length': KIND.CONTENT_LENGTH,
  'transfer-encoding': KIND.TRANSFER_ENCODING,
  connection: KIND.CONNECTION,
  'keep-alive': KIND.KEEP_ALIVE,
  'proxy-connection': KIND.PROXY_CONNECTION,
  upgrade: KIND.UPGRADE,
  te: KIND.TE,
  expect: KIND.EXPECT,
  authorization: KIND.SECRET,
  'proxy-authorization': KIND.SECRET,
  cookie: KIND.SECRET,
  'set-cookie': KIND.SECRET,
};

const NOT_IN_TRAILERS = new Set([
  ...Object.keys(SPECIAL), 'trailer', 'www-authenticate', 'proxy-authenticate', 'authentication-info', 'proxy-authentication-info', 'cache-control',
  'pragma', 'max-forwards', 'range', 'if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range', 'age', 'expires', 'date',
  'location', 'retry-after', 'vary', 'warning', 'content-encoding', 'content-type', 'content-range', 'forwarded', 'x-forwarded-for',
  'x-forwarded-host', 'x-forwarded-proto', 'x-http-method-override', 'http2-settings', 'strict-transport-security',
]);

const COMMON = [
  'accept', 'accept-charset', 'accept-encoding', 'accept-language', 'accept-ranges', 'access-control-allow-origin', 'access-control-request-method',
  'allow', 'content-disposition', 'content-language', 'content-location', 'dnt', 'etag', 'from', 'grpc-accept-encoding', 'grpc-encoding',
  'grpc-message', 'grpc-status', 'grpc-timeout', 'last-modified', 'link', 'origin', 'priority', 'referer', 'sec-fetch-dest', 'sec-fetch-mode',
  'sec-fetch-site', 'sec-websocket-accept', 'sec-websocket-extensions', 'sec-websocket-key', 'sec-websocket-protocol', 'sec-websocket-version',
  'server', 'traceparent', 'tracestate', 'upgrade-insecure-requests', 'user-agent', 'via', 'x-b3-sampled', 'x-b3-spanid', 'x-b3-traceid',
  'x-content-type-options', 'x-envoy-attempt-count', 'x-frame-options', 'x-powered-by', 'x-real-ip', 'x-request-id', 'x-xss-protection',
];

const SLOTS = 4096;
const MAX_LEARNT = 1024;
const MAX_LEARNT_LENGTH = 64;
const slots: (FieldName | undefined)[] = Array.from({ length: SLOTS });
let learnt = 0;

export const HASH_SEED = 7;
/** Step of the hash that the parser computes while it checks a name's bytes; `c` is the lower-case byte. */
export const hashStep = (h: number, c: number): number => (Math.imul(h, 31) + c) | 0;

function hashOf(name: string): number {
  let h = HASH_SEED;
  for (let i = 0; i < name.length; i++) h = hashStep(h, name.charCodeAt(i));
  return h;
}

function make(name: string): FieldName {
  return new FieldName(name, SPECIAL[name] ?? KIND.NORMAL, !NOT_IN_TRAILERS.has(name) && !name.startsWith('l5d-'));
}

/** False when every slot where the name could be found is taken. */
function learn(entry: FieldName): boolean {
  const at = hashOf(entry.name);
  for (let step = 0; step < 4; step++) {
    const k = (at + step) & (SLOTS - 1);
    if (slots[k] === undefined) {
      slots[k] = entry;
      return true;
    }
  }
  return false;
}

for (const name of [...NOT_IN_TRAILERS, ...COMMON]) if (!learn(make(name))) throw new Error(`field name table is too small for ${name}`);

/**
 * The one FieldName for the name whose bytes are buf[start, end), which are known to be token bytes and to hash to `hash` in lower case.
 * New names are learnt up to a bound, so that heads share strings and a peer with endless names costs nothing lasting.
 */
export function fieldName(buf: Buffer, start: number, end: number, hash: number): FieldName {
  for (let step = 0; step < 4; step++) {
    const entry = slots[(hash + step) & (SLOTS - 1)];
    if (entry === undefined) break;
    if (same(entry.name, buf, start, end)) return entry;
  }
  const entry = make(latin1(buf, start, end).toLowerCase());
  if (learnt < MAX_LEARNT && end - start <= MAX_LEARNT_LENGTH && learn(entry)) learnt++;
  return entry;
}

function same(name: string, buf: Buffer, start: number, end: number): boolean {
  const n = end - start;
  if (name.length !== n) return false;
  for (let i = 0; i < n; i++) {
    const c = buf[start + i]!;
    const want = name.charCodeAt(i);
    if (c !== want && (c < 65 || c > 90 || c + 32 !== want)) return false;
  }
  return true;
}
