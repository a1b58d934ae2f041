/** Session affinity: which key a request has, and which endpoint a key belongs to (outbound.proto SessionAffinity). */
import { field, ResponseHead, type RequestHead } from '../message/contract.ts';
import type { BalancePolicy } from '../policy/outbound/model.ts';

export type AffinityConfig = NonNullable<BalancePolicy['affinity']>;

/** 32-bit FNV-1a, its bits mixed. */
export function hashText(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return mix(h);
}

/** MurmurHash3's finalizer: every bit of the input moves half of the output's. */
function mix(n: number): number {
  let h = n;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * How much a key belongs to an endpoint (rendezvous hashing): it goes to the one where this is highest, so that an endpoint which comes or goes moves
 * only its own share of the keys. For endpoints of the same weight.
 */
export function affinityOf(key: number, endpoint: number): number {
  return mix(key ^ endpoint) + 1;
}

/** The same with weights, and the same order where they are alike; it takes a logarithm. */
export function weightedAffinity(key: number, endpoint: number, weight: number): number {
  return weight / -Math.log((mix(key ^ endpoint) + 0.5) / 2 ** 32);
}

/** What a request has for a key; null when it has none. */
export function affinityKey(config: AffinityConfig, head: RequestHead): string | null {
  if ('header' in config) return field(head.fields, config.header) ?? null;
  for (let i = 0; i < head.fields.length; i += 2) {
    if (head.fields[i] !== 'cookie') continue;
    const value = cookieValue(head.fields[i + 1]!, config.cookie);
    if (value !== null) return value;
  }
  return null;
}

/** RFC 6265 5.4: pairs apart by "; ". */
function cookieValue(text: string, name: string): string | null {
  for (const pair of text.split(';')) {
    const eq = pair.indexOf('=');
    if (eq > 0 && pair.slice(0, eq).trim() === name) {
      const value = pair.slice(eq + 1).trim();
      return value === '' ? null : value;
    }
  }
  return null;
}

/** A key for a client that has none: 64 random bits. */
export function newKey(random: () => number): string {
  const half = (): string => Math.floor(random() * 2 ** 32).toString(16).padStart(8, '0');
  return half() + half();
}

/** The response with the cookie by which the client's next requests are known; unchanged when keys come from a header. */
export function withCookie(config: AffinityConfig, key: string, head: ResponseHead): ResponseHead {
  if ('header' in config) return head;
  const age = config.ttlMs > 0 ? `; Max-Age=${Math.ceil(config.ttlMs / 1000)}` : '';
  const out = new ResponseHead(head.status, [...head.fields, 'set-cookie', `${config.cookie}=${key}; Path=${config.path}${age}; HttpOnly`], head.contentLength);
  out.upgrade = head.upgrade;
  out.version = head.version;
  return out;
}
