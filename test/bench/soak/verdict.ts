/** What a soak saw, and what that says. */
import { fixed, median, table } from '../report.ts';
import type { Progress } from './traffic.ts';

/** One proxy at one moment. */
export interface Look {
  anonymousMb: number;
  fds: number;
  /** sockets, timers and the like that keep the process alive, by kind */
  resources: Record<string, number>;
  /** of the proxy's own metrics */
  openConnections: number;
  certificates: number;
  rejected: number;
  defects: number;
}

export interface Moment {
  /** s since the start of the traffic */
  at: number;
  done: number;
  failed: number;
  /** by the name of the proxy */
  looks: Record<string, Look>;
}

export interface Soak {
  /** before any traffic */
  before: Record<string, Look>;
  moments: Moment[];
  /** some time after the last of the traffic */
  after: Record<string, Look>;
  progress: Progress;
  churns: number;
}

const ROWS = 16;
/** Memory may differ between the second quarter and the last by this share, and MB: heaps breathe. */
const BREATH = { share: 0.1, mb: 2 };
/** Descriptors and resources that may be left besides those of the start: connections to endpoints and to the control plane that are kept on purpose. */
const KEPT = 16;

const sum = (counts: Record<string, number>): number => Object.values(counts).reduce((n, c) => n + c, 0);

/** Everything that is not as it should be, in words; nothing when all is well. */
export function faults(s: Soak): string[] {
  const found: string[] = [];
  const failed = sum(s.progress.failed);
  if (failed > 0) found.push(`${failed} exchanges failed`);
  const quarter = s.moments.length / 4;
  for (const name of Object.keys(s.before)) {
    const over = (from: number, to: number): number => median(s.moments.slice(Math.floor(from), Math.ceil(to)).map((m) => m.looks[name]!.anonymousMb));
    const [early, late] = [over(quarter, 2 * quarter), over(3 * quarter, 4 * quarter)];
    if (late > early * (1 + BREATH.share) + BREATH.mb) found.push(`${name}: memory grew from ${fixed(early, 1)} MB to ${fixed(late, 1)} MB`);
    const [before, after] = [s.before[name]!, s.after[name]!];
    if (after.fds > before.fds + KEPT) found.push(`${name}: ${after.fds} file descriptors are left, ${before.fds} were there before`);
    if (sum(after.resources) > sum(before.resources) + KEPT) found.push(`${name}: ${sum(after.resources)} resources are left, ${sum(before.resources)} were there before`);
    if (after.defects > 0) found.push(`${name}: ${after.defects} defects`);
  }
  return found;
}

export function verdict(s: Soak): string {
  const found = faults(s);
  const certificates = Object.values(s.after).map((l) => l.certificates).join(' and ');
  const what = `${sum(s.progress.done)} exchanges, ${certificates} certificates, endpoints changed ${s.churns} times`;
  return found.length === 0 ? `Verdict: good. ${what}; no failure, memory flat, nothing left.` : `Verdict: NOT good. ${what}; ${found.join('; ')}.`;
}

/** A choice of moments over the whole run, with before and after. */
export function soakTable(s: Soak): string {
  const names = Object.keys(s.before);
  const row = (label: string, looks: Record<string, Look>, done: string, failed: string): string[] => [
    label, done, failed,
    ...names.flatMap((n) => {
      const l = looks[n]!;
      return [fixed(l.anonymousMb, 1), String(l.fds), String(l.openConnections), String(sum(l.resources)), String(l.certificates)];
    }),
  ];
  const step = Math.max(1, Math.ceil(s.moments.length / ROWS));
  const shown = s.moments.filter((_, i) => (s.moments.length - 1 - i) % step === 0);
  return table(
    ['time', 'done', 'failed', ...names.flatMap((n) => [`${n} MB`, 'fds', 'open', 'resources', 'certs'])],
    [
      row('before', s.before, '0', '0'), ...shown.map((m) => row(`${fixed(m.at / 60, 1)} min`, m.looks, String(m.done), String(m.failed))),
      row('after', s.after, String(sum(s.progress.done)), String(sum(s.progress.failed))),
    ], 1,
  );
}

/** done and failed by kind of traffic, and the latest failures. */
export function trafficTable(p: Progress): string {
  const kinds = [...new Set([...Object.keys(p.done), ...Object.keys(p.failed)])].sort();
  return [table(['traffic', 'done', 'failed'], kinds.map((k) => [k, String(p.done[k] ?? 0), String(p.failed[k] ?? 0)]), 1), ...p.messages].join('\n');
}

/** Sum of a metric over its series in a Prometheus text; 0 without one. */
export function metric(text: string, name: string): number {
  let total = 0;
  for (const line of text.split('\n')) {
    if (line.startsWith(`${name} `) || line.startsWith(`${name}{`)) total += Number(line.slice(line.lastIndexOf(' ') + 1));
  }
  return total;
}
