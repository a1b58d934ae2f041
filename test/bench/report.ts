import { CONNECTIONS, DIRECT, type LatencyRow } from './fortio.ts';
import type { GreetingRow } from './greeting.ts';
import { IDLE_CONNECTIONS, type MemoryRow } from './memory.ts';
import { cpuPer100k, type Row, type Sample } from './speed.ts';

export function median(values: number[]): number {
  const sorted = values.filter((v) => Number.isFinite(v)).sort((a, b) => a - b);
  if (sorted.length === 0) return NaN;
  const mid = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[mid]! : (sorted[mid - 1]! + sorted[mid]!) / 2;
}

export const fixed = (v: number, digits: number): string => (Number.isFinite(v) ? v.toFixed(digits) : '-');

/** Markdown, with columns in line. The first `left` columns are text. */
export function table(head: string[], rows: string[][], left: number): string {
  const widths = head.map((h, i) => Math.max(3, h.length, ...rows.map((r) => r[i]!.length)));
  const line = (cells: string[]): string => `| ${cells.map((c, i) => (i < left ? c.padEnd(widths[i]!) : c.padStart(widths[i]!))).join(' | ')} |`;
  return [line(head), `|${widths.map((w, i) => (i < left ? '-'.repeat(w + 2) : `${'-'.repeat(w + 1)}:`)).join('|')}|`, ...rows.map(line)].join('\n');
}

const largest = (values: number[]): number => Math.max(...values.filter((v) => Number.isFinite(v)));

/** Requests, one line a subject and case, each beside haproxy's in the same case; a subject that cannot do a case has dashes. `baseline`: the subject of the ratios. */
export function speedTable(rows: Row[], baseline: string): string {
  const cpuOf = (r: Row): number => median(r.samples.map(cpuPer100k));
  const lines = rows.filter((r) => !r.case.bulk).map((r) => {
    const base = rows.find((b) => b.subject === baseline && b.case === r.case);
    const of = (f: (s: Sample) => number): number => median(r.samples.map(f));
    const errors = r.samples.reduce((n, s) => n + s.errors, 0);
    return [
      r.case.name, r.subject, fixed(of((s) => s.perSecond), 0), fixed(of((s) => s.p50), 2), fixed(of((s) => s.p99), 2), fixed(cpuOf(r), 3),
      base === undefined ? '-' : fixed(cpuOf(r) / cpuOf(base), 2), fixed(of((s) => s.kernel / s.cpu) * 100, 0), fixed(of((s) => s.gcShare) * 100, 0), fixed(largest(r.samples.map((s) => s.pause)), 1),
      r.samples.length === 0 ? '-' : String(errors),
    ];
  });
  return table(['case', 'subject', 'req/s', 'p50 ms', 'p99 ms', 'CPU s/100k', `to ${baseline}`, 'kernel %', 'GC %', 'longest GC ms', 'errors'], lines, 2);
}

/** Transfers. `baseline`: the subject of the ratios, which has one row for all cases. */
export function bulkTable(rows: Row[], baseline: string): string {
  const perCpu = (r: Row | undefined): number => median(r?.samples.map((s) => s.bytes / s.cpu / 1e6) ?? []);
  const base = rows.find((r) => r.subject === baseline);
  const bulk = rows.filter((r) => r.case.bulk && r.subject !== baseline);
  const lines = (base === undefined ? bulk : [base, ...bulk]).map((r) => [
    r === base ? '' : r.case.name, r.subject, fixed(median(r.samples.map((s) => s.bytes / s.seconds / 1e6)), 0), fixed(perCpu(r), 0), fixed(perCpu(r) / perCpu(base), 2),
    fixed(median(r.samples.map((s) => s.gcShare)) * 100, 0), fixed(largest(r.samples.map((s) => s.pause)), 1),
  ]);
  return table(['case', 'subject', 'MB/s', 'MB per CPU s', `to ${baseline}`, 'GC %', 'longest GC ms'], lines, 2);
}

/** Percentiles, and in brackets what is added to those without a proxy at the same rate. */
export function latencyTable(rows: LatencyRow[]): string {
  const lines = rows.map((r) => {
    const base = rows.find((b) => b.subject === DIRECT && b.rate === r.rate)!;
    const at = (f: (s: LatencyRow['samples'][number]) => number): string => {
      const [own, without] = [median(r.samples.map(f)), median(base.samples.map(f))];
      return r === base ? fixed(own, 3) : `${fixed(own, 3)} (${own < without ? '' : '+'}${fixed(own - without, 3)})`;
    };
    return [
      String(r.rate), r.subject, at((s) => s.p50), at((s) => s.p99), at((s) => s.p999), fixed(median(r.samples.map((s) => s.max)), 1),
      fixed(largest(r.samples.map((s) => s.pause)), 1), String(r.samples.reduce((n, s) => n + s.errors, 0)),
    ];
  });
  return table(['req/s', `subject, ${CONNECTIONS} connections`, 'p50 ms', 'p99 ms', 'p99.9 ms', 'max ms', 'longest GC ms', 'errors'], lines, 2);
}

/** Time to the first byte where the server speaks first, and in brackets what is added to that without a proxy. `rows` begin with no proxy. */
export function greetingTable(rows: GreetingRow[]): string {
  const at = (r: GreetingRow, share: number): number => r.times.toSorted((a, b) => a - b)[Math.ceil(r.times.length * share) - 1] ?? NaN;
  const lines = rows.map((r) => [r.subject, ...[(g: GreetingRow) => g.first, (g: GreetingRow) => at(g, 0.5), (g: GreetingRow) => at(g, 0.99)].map((f) => {
    const [own, without] = [f(r), f(rows[0]!)];
    return r === rows[0] ? fixed(own, 3) : `${fixed(own, 3)} (${own < without ? '' : '+'}${fixed(own - without, 3)})`;
  })]);
  return table(['server-first, 1 connection after another', 'very first ms', 'p50 ms', 'p99 ms'], lines, 1);
}

export function memoryTable(rows: MemoryRow[], settleSeconds: number): string {
  const cases = [...new Set(rows.flatMap((r) => Object.keys(r.peaks)))];
  const head = ['anonymous MB', 'idle', ...cases.map((c) => `peak ${c}`), `${settleSeconds} s after`, `KB per idle connection (${IDLE_CONNECTIONS})`];
  return table(head, rows.map((r) => [r.name, fixed(r.idle, 1), ...cases.map((c) => fixed(r.peaks[c] ?? NaN, 1)), fixed(r.after, 1), fixed(r.perConnectionKb, 1)]), 1);
}
