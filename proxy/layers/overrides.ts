/** Request headers by which an application sets the timeouts and retries of one request, where its route allows that (Linkerd's l5d-timeout and l5d-retry-*). */
import { parseDuration } from '../../lib/duration.ts';
import type { Fields, Layer, Service } from '../message/contract.ts';
import type { RetryPolicy, TimeoutPolicy } from '../policy/outbound/model.ts';
import { withFields } from './headers.ts';

export interface Limits { timeouts: TimeoutPolicy; retry: RetryPolicy | null }

const NAMES = new Set(['l5d-timeout', 'l5d-response-timeout', 'l5d-idle-timeout', 'l5d-retry-limit', 'l5d-retry-http', 'l5d-retry-grpc', 'l5d-retry-timeout']);
/** Stacks that are kept for the values in use. */
const MAX_KEPT = 64;
const MAX_RETRIES = 100;

/** Linkerd's figures for a route without retries of its own. */
const NEW_RETRY: RetryPolicy = {
  maxRetries: 1, maxRequestBytes: 64 * 1024, perTryMs: 0, budget: null, methods: null,
  backoff: { minMs: 25, maxMs: 250, jitter: 1, respectRetryAfter: false }, conditions: { statuses: [], grpc: [], noResponse: false },
};

/**
 * Requests with such headers go through a stack of their own, without the headers; the others through `next`. `build` makes the stack; it is kept for
 * the next request with the same values. A value that cannot be read counts as not given.
 */
export function overrides(base: Limits, build: (limits: Limits) => Service): Layer {
  const kept = new Map<string, Service>();
  return (next) => (head, ended, client) => {
    const key = keyOf(head.fields);
    if (key === '') return next(head, ended, client);
    let service = kept.get(key);
    if (service === undefined) {
      service = build(override(base, head.fields));
      if (kept.size >= MAX_KEPT) kept.delete(kept.keys().next().value!);
      kept.set(key, service);
    }
    return service(withFields(head, head.fields.filter((_, i) => !NAMES.has(head.fields[i - (i % 2)]!))), ended, client);
  };
}

/** '' when there is nothing to override. */
function keyOf(fields: Fields): string {
  let key = '';
  for (let i = 0; i < fields.length; i += 2) if (fields[i]!.startsWith('l5d-') && NAMES.has(fields[i]!)) key += `${fields[i]}=${fields[i + 1]}\n`;
  return key;
}

export function override(base: Limits, fields: Fields): Limits {
  const timeouts = { ...base.timeouts };
  const retry: RetryPolicy = structuredClone(base.retry ?? NEW_RETRY);
  let retries = base.retry !== null;
  for (let i = 0; i < fields.length; i += 2) {
    const value = fields[i + 1]!;
    const ms = parseDuration(value);
    switch (fields[i]) {
      case 'l5d-timeout': timeouts.requestMs = ms ?? timeouts.requestMs; break;
      case 'l5d-response-timeout': timeouts.responseMs = ms ?? timeouts.responseMs; break;
      case 'l5d-idle-timeout': timeouts.idleMs = ms ?? timeouts.idleMs; break;
      case 'l5d-retry-timeout': retry.perTryMs = ms ?? retry.perTryMs; break;
      case 'l5d-retry-limit':
        if (/^\d{1,3}$/.test(value)) retry.maxRetries = Math.min(MAX_RETRIES, Number(value));
        break;
      case 'l5d-retry-http':
        retry.conditions = { ...retry.conditions, statuses: value.split(',').flatMap(statusRange) };
        retries = true;
        break;
      case 'l5d-retry-grpc':
        retry.conditions = { ...retry.conditions, grpc: value.split(',').flatMap(grpcStatus) };
        retries = true;
        break;
      default:
    }
  }
  return { timeouts, retry: retries && retry.maxRetries > 0 ? retry : null };
}

/** `5xx`, `gateway-error`, `503` or `500-504`; nothing for anything else. */
function statusRange(text: string): [number, number][] {
  const t = text.trim();
  if (t === '5xx') return [[500, 599]];
  if (t === 'gateway-error') return [[502, 504]];
  const m = /^(\d{3})(?:-(\d{3}))?$/.exec(t);
  return m === null ? [] : [[Number(m[1]), Number(m[2] ?? m[1])]];
}

const GRPC: Record<string, number> = { cancelled: 1, 'deadline-exceeded': 4, 'resource-exhausted': 8, internal: 13, unavailable: 14 };

function grpcStatus(text: string): number[] {
  const code = GRPC[text.trim()];
  return code === undefined ? [] : [code];
}
