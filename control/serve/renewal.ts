/** Renew when this much of the remaining life has passed, as proxies do; the jitter keeps services that started together apart. */
const RENEW_AT = 0.7;
const JITTER = 0.05;
const MIN_RENEW_MS = 10_000;
const MAX_RENEW_MS = 24 * 3_600_000;

/** Milliseconds from `now` to the next renewal of a leaf that was got now and ends at `notAfter`. `random` is in [0, 1). */
export function renewAfter(now: number, notAfter: number, random: number): number {
  const share = RENEW_AT * (1 - JITTER * random);
  return Math.min(MAX_RENEW_MS, Math.max(MIN_RENEW_MS, (notAfter - now) * share));
}
