import { GRPC_RETRY_CODES } from './model.ts';
import type { GrpcRetryCode, Retry, StatusRange, Timeouts } from './model.ts';
import { defined } from './read.ts';
import type { Reader } from './read.ts';

/** Parts of a retry policy, from wherever they come; what is absent is left to others or to the defaults. */
export interface RetrySettings {
  statuses?: StatusRange[];
  codes?: GrpcRetryCode[];
  methods?: string[];
  limit?: number;
  timeoutMs?: number;
  backoffBaseMs?: number;
  backoffMaxMs?: number;
  jitter?: number;
  budgetRatio?: number;
  budgetMinPerSecond?: number;
  budgetWindowMs?: number;
}

/** Linkerd's: one more try, after 25 ms or up to twice that, pauses doubling to 250 ms. */
export const RETRY_DEFAULTS = { limit: 1, backoffBaseMs: 25, backoffMaxFactor: 10, jitter: 1 } as const;
/** Of a budget that is given in part; Linkerd's ServiceProfiles and the Gateway API have the same. */
export const BUDGET_DEFAULTS = { ratio: 0.2, minPerSecond: 10, windowMs: 10_000 } as const;
export const MAX_RETRIES = 100;

export function readRetry(reader: Reader): RetrySettings {
  const retry = defined({
    statuses: reader.read('retry-http', 'a list of 5xx, gateway-error, 503 or 500-504, parted by commas', statusRanges),
    codes: reader.read('retry-grpc', `a list of ${GRPC_RETRY_CODES.join(', ')}`, grpcCodes),
    methods: reader.read('retry-methods', 'a list of methods such as GET,HEAD', methods),
    limit: reader.integer('retry-limit', 0, MAX_RETRIES),
    timeoutMs: reader.duration('retry-timeout', { positive: true }),
    backoffBaseMs: reader.duration('retry-backoff-base', { positive: true }),
    backoffMaxMs: reader.duration('retry-backoff-max', { positive: true }),
    jitter: reader.decimal('retry-backoff-jitter', 0, 100),
    budgetRatio: reader.decimal('retry-budget-ratio', 0, 1000),
    budgetMinPerSecond: reader.integer('retry-budget-min-per-second', 0, 1_000_000),
    budgetWindowMs: reader.duration('retry-budget-window', { positive: true }),
  });
  // Without its methods or its limit a policy would retry what nobody asked for.
  return reader.lost('retry-methods', 'retry-limit') ? { ...retry, limit: 0 } : retry;
}

export function readTimeouts(reader: Reader): Timeouts {
  return defined({
    requestMs: reader.duration('timeout-request'),
    responseMs: reader.duration('timeout-response'),
    idleMs: reader.duration('timeout-idle'),
  });
}

/** The policy that settings make; none unless they say what is retried. */
export function retryPolicy(settings: RetrySettings, protocol: 'http' | 'grpc'): Retry | undefined {
  const { statuses = [], codes = [], methods: ofMethods = [], limit = RETRY_DEFAULTS.limit, timeoutMs } = settings;
  if ((protocol === 'http' ? statuses : codes).length === 0 || limit === 0) return undefined;
  const minMs = settings.backoffBaseMs ?? Math.min(RETRY_DEFAULTS.backoffBaseMs, settings.backoffMaxMs ?? Infinity);
  const { budgetRatio, budgetMinPerSecond, budgetWindowMs } = settings;
  const budgeted = budgetRatio !== undefined || budgetMinPerSecond !== undefined || budgetWindowMs !== undefined;
  return {
    limit, statuses, codes, methods: ofMethods,
    ...(timeoutMs !== undefined && { timeoutMs }),
    backoff: {
      minMs,
      maxMs: Math.max(minMs, settings.backoffMaxMs ?? minMs * RETRY_DEFAULTS.backoffMaxFactor),
      jitter: settings.jitter ?? RETRY_DEFAULTS.jitter,
      respectRetryAfter: false,
    },
    ...(budgeted && {
      budget: {
        ratio: budgetRatio ?? BUDGET_DEFAULTS.ratio,
        minPerSecond: budgetMinPerSecond ?? BUDGET_DEFAULTS.minPerSecond,
        windowMs: budgetWindowMs ?? BUDGET_DEFAULTS.windowMs,
      },
    }),
  };
}

/** `5xx`, `gateway-error` (502 to 504), `503`, `500-504`, in any mixture. */
export function statusRanges(text: string): StatusRange[] | undefined {
  const ranges = text.split(',').map((item) => statusRange(item.trim()));
  return ranges.includes(undefined) ? undefined : (ranges as StatusRange[]);
}

function statusRange(word: string): StatusRange | undefined {
  if (word === 'gateway-error') return { from: 502, to: 504 };
  const classOf = /^([1-5])xx$/i.exec(word);
  if (classOf) return { from: Number(classOf[1]) * 100, to: Number(classOf[1]) * 100 + 99 };
  const match = /^([1-5]\d\d)(?:\s*-\s*([1-5]\d\d))?$/.exec(word);
  if (!match) return undefined;
  const [from, to] = [Number(match[1]), Number(match[2] ?? match[1])];
  return from <= to ? { from, to } : undefined;
}

/** RFC 9110 9.1: a method is a token, and its case counts. */
function methods(text: string): string[] | undefined {
  const words = text.split(',').map((word) => word.trim());
  return words.every((word) => /^[A-Z][A-Z-]*$/.test(word)) ? [...new Set(words)] : undefined;
}

function grpcCodes(text: string): GrpcRetryCode[] | undefined {
  const words = text.split(',').map((word) => word.trim().toLowerCase().replaceAll('_', '-'));
  return words.every((word) => (GRPC_RETRY_CODES as readonly string[]).includes(word)) ? ([...new Set(words)] as GrpcRetryCode[]) : undefined;
}
