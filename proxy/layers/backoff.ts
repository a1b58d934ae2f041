import type { Clock } from '../../lib/clock.ts';
import { field, type Fields } from '../message/contract.ts';

/** outbound.proto ExponentialBackoff. */
export interface Backoff {
  /** the first pause, milliseconds; doubled with each further one */
  minMs: number;
  maxMs: number;
  /** up to this share of a pause is added to it at random */
  jitter: number;
  /** a pause is as long as Retry-After says, within the two bounds */
  respectRetryAfter: boolean;
}

/** Milliseconds of the pause before retry `n` (from 1); `hintMs` is what the response asked for, -1 when it did not. */
export function pauseMs(b: Backoff, n: number, hintMs: number, random: () => number): number {
  const max = Math.max(b.minMs, b.maxMs);
  const base = b.respectRetryAfter && hintMs >= 0 ? Math.max(b.minMs, hintMs) : b.minMs * 2 ** Math.min(n - 1, 30);
  const pause = Math.min(max, base);
  return pause + pause * b.jitter * random();
}

/** Milliseconds that Retry-After asks for (RFC 9110 10.2.3: seconds, or a date); -1 without one that can be read. */
export function retryAfterMs(fields: Fields, clock: Clock): number {
  const value = field(fields, 'retry-after');
  if (value === undefined) return -1;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const date = value.endsWith(' GMT') ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? -1 : Math.max(0, date - clock.wall());
}
