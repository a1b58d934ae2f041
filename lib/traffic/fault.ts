import { parseDuration } from '../duration.ts';
import type { Reference } from '../authz/model.ts';
import type { Delay, Fault, Fraction } from './model.ts';
import type { Reader } from './read.ts';

/** Names of the gRPC status codes, in order from 0 (grpc/grpc, doc/statuscodes.md). */
const GRPC_CODES = [
  'ok', 'cancelled', 'unknown', 'invalid-argument', 'deadline-exceeded', 'not-found', 'already-exists', 'permission-denied', 'resource-exhausted',
  'failed-precondition', 'aborted', 'out-of-range', 'unimplemented', 'internal', 'unavailable', 'data-loss', 'unauthenticated',
];
/** A fault that holds requests longer than this is a mistake. */
const MAX_DELAY_MS = 3_600_000;
const PERCENT_PRECISION = 1000;

/** The fault that annotations ask for, in the name of `reference`; undefined when there is none. */
export function readFault(reader: Reader, reference: Reference): Fault | undefined {
  const delay = reader.read('fault-delay', 'a duration such as 200ms, or a range such as 100ms-500ms, of an hour at most', parseDelay);
  const delayShare = reader.read('fault-delay-percent', 'a number above 0 and up to 100', parsePercent);
  const abort = reader.read('fault-abort', 'an HTTP status such as 503, or grpc: with a gRPC code such as grpc:unavailable', parseAbort);
  const abortShare = reader.read('fault-abort-percent', 'a number above 0 and up to 100', parsePercent);
  const until = reader.read('fault-until', 'a moment such as 2030-01-31T12:00:00Z', parseMoment);
  // Without its share or its end a fault would do more than anybody asked for.
  if ((!delay && !abort) || reader.lost('fault-delay-percent', 'fault-abort-percent', 'fault-until')) return undefined;
  return {
    reference,
    ...(delay && { delay: { ...delay, ...(delayShare && { fraction: delayShare }) } }),
    ...(abort && { abort: { ...abort, ...(abortShare && { fraction: abortShare }) } }),
    ...(until !== undefined && { untilUnixSeconds: until }),
  };
}

/** `200ms`, or a range; undefined for anything else. */
export function parseDelay(text: string): Delay | undefined {
  const [first = '', second, ...more] = text.split('-');
  const bounds = [first, second ?? first].map((part) => parseDuration(part.trim()));
  const [minMs, maxMs] = bounds;
  if (more.length > 0 || minMs === undefined || maxMs === undefined || minMs > maxMs || maxMs > MAX_DELAY_MS || maxMs === 0) return undefined;
  return second === undefined ? { kind: 'fixed', ms: minMs } : { kind: 'uniform', minMs, maxMs };
}

/** `503`, or `grpc:unavailable`; undefined for anything else. */
export function parseAbort(text: string): { kind: 'http' | 'grpc'; status: number } | undefined {
  const grpc = /^grpc:\s*(.+)$/i.exec(text)?.[1];
  if (grpc !== undefined) {
    const status = /^\d+$/.test(grpc) ? Number(grpc) : GRPC_CODES.indexOf(grpc.toLowerCase().replaceAll('_', '-'));
    return status >= 1 && status < GRPC_CODES.length ? { kind: 'grpc', status } : undefined;
  }
  return /^[2-5]\d\d$/.test(text) ? { kind: 'http', status: Number(text) } : undefined;
}

function parsePercent(text: string): Fraction | undefined {
  const percent = /^\d+(\.\d+)?%?$/.test(text) ? Number.parseFloat(text) : Number.NaN;
  if (!(percent > 0 && percent <= 100)) return undefined;
  if (Number.isInteger(percent)) return { numerator: percent, denominator: 100 };
  return { numerator: Math.max(1, Math.round(percent * PERCENT_PRECISION)), denominator: 100 * PERCENT_PRECISION };
}

function parseMoment(text: string): number | undefined {
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isFinite(ms) && ms > 0 ? Math.ceil(ms / 1000) : undefined;
}
