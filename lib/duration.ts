const UNITS: Record<string, number> = { ns: 1e-6, us: 1e-3, 'µs': 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Milliseconds of a duration written as Kubernetes and Linkerd write it: numbers with units, as in `300ms`, `1.5h`, `1h30m`, `1d`; a bare `0` is
 * zero. Units: ns us (or µs) ms s m h d. Undefined for anything else, negative durations included.
 */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h|d))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d)/g)) total += Number(amount) * UNITS[unit!]!;
  return Number.isFinite(total) ? total : undefined;
}

/** The shortest exact form of whole milliseconds that parseDuration reads back: `1h30m`, `24h`, `250ms`, `0s`. */
export function formatDuration(ms: number): string {
  let rest = Math.round(ms);
  if (rest === 0) return '0s';
  let text = '';
  for (const unit of ['h', 'm', 's', 'ms'] as const) {
    const amount = Math.floor(rest / UNITS[unit]!);
    if (amount === 0) continue;
    text += `${amount}${unit}`;
    rest -= amount * UNITS[unit]!;
  }
  return text;
}
