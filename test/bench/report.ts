import type { LoadResult } from './load.ts';

/** One measured run. */
export interface Sample extends LoadResult {
  /** CPU seconds of all processes of the subject, for 100,000 requests */
  cpu: number;
}

export interface Row {
  subject: string;
  case: string;
  samples: Sample[];
}

export interface MemoryRow {
  name: string;
  /** anonymous MB; NaN when not measured. Before any load */
  idle: number;
  /** highest during the first run of each case, in the order of the cases: what those before left behind counts */
  peaks: Record<string, number>;
  /** highest of all rounds */
  highest: number;
  /** some time after the last load */
  after: number;
}

export function median(values: number[]): number {
  const sorted = values.filter((v) => Number.isFinite(v)).sort((a, b) => a - b);
  if (sorted.length === 0) return NaN;
  const mid = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[mid]! : (sorted[mid - 1]! + sorted[mid]!) / 2;
}

const fixed = (v: number, digits: number): string => (Number.isFinite(v) ? v.toFixed(digits) : '-');

function table(head: string[], rows: string[][]): string {
  const widths = head.map((h, i) => Math.max(h.length, ...rows.map((r) => r[i]!.length)));
  const line = (cells: string[]): string => cells.map((c, i) => (i < 1 ? c.padEnd(widths[i]!) : c.padStart(widths[i]!))).join('  ').trimEnd();
  return [line(head), line(widths.map((w) => '-'.repeat(w))), ...rows.map(line)].join('\n');
}

/** Speed, one line a subject and case, each beside haproxy's in the same case. `baseline` is the subject that ratios are taken to. */
export function speedTable(rows: Row[], baseline: string): string {
  const cpuOf = (r: Row): number => median(r.samples.map((s) => s.cpu));
  const lines = rows.map((r) => {
    const base = rows.find((b) => b.subject === baseline && b.case === r.case);
    const of = (f: (s: Sample) => number): number => median(r.samples.map(f));
    const errors = r.samples.reduce((n, s) => n + s.errors, 0);
    return [
      r.subject, r.case, fixed(of((s) => s.perSecond), 0), fixed(of((s) => s.p50), 2), fixed(of((s) => s.p99), 2), fixed(cpuOf(r), 3),
      base === undefined ? '-' : `${fixed(cpuOf(r) / cpuOf(base), 2)}x`, String(errors),
    ];
  });
  return table(['subject', 'case', 'req/s', 'p50 ms', 'p99 ms', 'CPU s/100k', `to ${baseline}`, 'errors'], lines);
}

export function memoryTable(rows: MemoryRow[], settleSeconds: number): string {
  const cases = [...new Set(rows.flatMap((r) => Object.keys(r.peaks)))];
  const head = ['anonymous MB', 'idle', ...cases.map((c) => `peak ${c}`), 'highest', `${settleSeconds} s after`];
  return table(head, rows.map((r) => [r.name, fixed(r.idle, 1), ...cases.map((c) => fixed(r.peaks[c] ?? NaN, 1)), fixed(r.highest, 1), fixed(r.after, 1)]));
}
