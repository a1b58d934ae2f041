import type { Penalty } from './model.ts';
import type { Reader } from './read.ts';

/** Linkerd's values. */
const DEFAULTS = { ms: 5000, maxRetryAfterMs: 300_000 } as const;

/** Undefined unless it is asked for. */
export function readPenalty(reader: Reader): Penalty | undefined {
  const wanted = reader.flag('penalize-failures');
  const ms = reader.duration('penalize-failures-penalty', { positive: true }) ?? DEFAULTS.ms;
  const maxRetryAfterMs = reader.duration('penalize-failures-max-retry-after', { positive: true }) ?? DEFAULTS.maxRetryAfterMs;
  return wanted ? { ms, maxRetryAfterMs } : undefined;
}
