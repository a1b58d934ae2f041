import { fixed, table } from '../report.ts';

/** One figure. `target` is what it should be at most; at least, where `atLeast` says so; null where it is only shown. */
export interface Figure { case: string; what: string; value: number; unit: string; target: number | null; atLeast?: boolean }

const digits = (value: number): number => (Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2);

export function reached({ value, target, atLeast }: Figure): boolean | null {
  if (target === null || !Number.isFinite(value)) return null;
  return atLeast ? value >= target : value <= target;
}

/** Markdown: each figure beside its target. */
export function figureTable(figures: Figure[]): string {
  const rows = figures.map((figure) => {
    const ok = reached(figure);
    const target = figure.target === null ? '' : `${figure.atLeast ? '≥' : '≤'} ${figure.target} ${figure.unit}`;
    return [figure.case, figure.what, `${fixed(figure.value, digits(figure.value))} ${figure.unit}`, target, ok === null ? '' : ok ? 'yes' : 'no'];
  });
  return table(['case', 'figure', 'measured', 'target', 'reached'], rows, 2);
}

/** The value below which a share of the sorted values lies. */
export function quantile(sorted: number[], share: number): number {
  return sorted.length === 0 ? NaN : sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!;
}

export const ascending = (values: number[]): number[] => values.toSorted((a, b) => a - b);
