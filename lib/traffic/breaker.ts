import type { Breaker } from './model.ts';
import type { Reader } from './read.ts';

/**
 * On by default, so with values that an endpoint in working order does not reach: twenty failures with not one success between them, then a rest
 * of a second, doubling to half a minute. One endpoint always stays, because a service with a single one must not be taken away by its breaker.
 * Whoever asks for a breaker by name gets Linkerd's values.
 */
export const BREAKER_DEFAULTS = { maxConsecutive: 20, minPenaltyMs: 1000, maxPenaltyMs: 30_000, jitter: 0.5, minEndpoints: 1 } as const;
export const BREAKER_ASKED_FOR = { maxConsecutive: 7, maxPenaltyMs: 60_000, threshold: 0.8, windowMs: 10_000, minRequests: 5 } as const;

type Mode = 'consecutive' | 'success-rate' | 'off';
const MODES: Record<string, Mode> = { consecutive: 'consecutive', 'success-rate': 'success-rate', unified: 'success-rate', off: 'off', disabled: 'off' };

/** Undefined when it is switched off. */
export function readBreaker(reader: Reader): Breaker | undefined {
  const mode = reader.read('circuit-breaker', 'consecutive, success-rate or off', (text) => MODES[text.toLowerCase()]);
  const max = reader.integer('circuit-breaker-max-failures', 1, 1_000_000);
  const min = reader.duration('circuit-breaker-min-penalty', { positive: true });
  const most = reader.duration('circuit-breaker-max-penalty', { positive: true });
  const jitter = reader.decimal('circuit-breaker-jitter', 0, 100);
  const threshold = reader.decimal('circuit-breaker-success-rate', 0, 1);
  const windowMs = reader.duration('circuit-breaker-window', { positive: true });
  const minRequests = reader.integer('circuit-breaker-min-requests', 1, 1_000_000);
  const respectRetryAfter = reader.flag('circuit-breaker-honor-retry-after');
  const minEndpoints = reader.integer('circuit-breaker-min-endpoints', 0, 1_000_000);
  if (mode === 'off') return undefined;
  const asked = mode !== undefined;
  const minMs = min ?? Math.min(BREAKER_DEFAULTS.minPenaltyMs, most ?? Infinity);
  return {
    maxConsecutive: max ?? (asked ? BREAKER_ASKED_FOR.maxConsecutive : BREAKER_DEFAULTS.maxConsecutive),
    ...(mode === 'success-rate' && {
      successRate: {
        threshold: threshold ?? BREAKER_ASKED_FOR.threshold,
        windowMs: windowMs ?? BREAKER_ASKED_FOR.windowMs,
        minRequests: minRequests ?? BREAKER_ASKED_FOR.minRequests,
      },
    }),
    backoff: {
      minMs,
      maxMs: Math.max(minMs, most ?? (asked ? BREAKER_ASKED_FOR.maxPenaltyMs : BREAKER_DEFAULTS.maxPenaltyMs)),
      jitter: jitter ?? BREAKER_DEFAULTS.jitter,
      respectRetryAfter,
    },
    minEndpoints: minEndpoints ?? BREAKER_DEFAULTS.minEndpoints,
  };
}
