import { must, BenchError } from './children.ts';
import type { Pod } from './netns.ts';

/** What one run of the load tool saw. */
export interface LoadResult {
  requests: number;
  perSecond: number;
  /** ms */
  p50: number;
  p99: number;
  errors: number;
}

export interface LoadCase {
  name: string;
  protocol: 'h1' | 'h2';
  connections: number;
  /** h2 only */
  streams: number;
}

export const CASES: LoadCase[] = [
  { name: 'h1-1', protocol: 'h1', connections: 1, streams: 1 },
  { name: 'h1-32', protocol: 'h1', connections: 32, streams: 1 },
  { name: 'h1-128', protocol: 'h1', connections: 128, streams: 1 },
  { name: 'h1-1000', protocol: 'h1', connections: 1000, streams: 1 },
  { name: 'h2-4x32', protocol: 'h2', connections: 4, streams: 32 },
];

/** The uid that the load runs as: the one whose connections are redirected. */
export const LOAD_UID = 65534;

/** Loads `url` from the pod for so many seconds, on one core. */
export async function load(pod: Pod, core: number, c: LoadCase, url: string, seconds: number): Promise<LoadResult> {
  const prefix = ['taskset', '-c', String(core), 'setpriv', `--reuid=${LOAD_UID}`, `--regid=${LOAD_UID}`, '--clear-groups'];
  if (c.protocol === 'h1') {
    return parseWrk(await must(pod.in(...prefix, 'wrk', '-t1', `-c${c.connections}`, `-d${seconds}s`, '--latency', '--timeout', '10s', url)));
  }
  return parseH2load(await must(pod.in(...prefix, 'h2load', '-t1', `-c${c.connections}`, `-m${c.streams}`, `-D${seconds}`, url)));
}

const UNITS: Record<string, number> = { us: 0.001, ms: 1, s: 1000, m: 60_000 };

function milliseconds(text: string | undefined): number {
  const m = /^([\d.]+)(us|ms|s|m)$/.exec(text ?? '');
  return m === null ? NaN : Number(m[1]) * UNITS[m[2]!]!;
}

export function parseWrk(out: string): LoadResult {
  const requests = Number(/(\d+) requests in/.exec(out)?.[1] ?? NaN);
  const perSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(out)?.[1] ?? NaN);
  const p = (q: string): number => milliseconds(new RegExp(`^\\s+${q}%\\s+(\\S+)$`, 'm').exec(out)?.[1]);
  const socket = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(out);
  const status = Number(/Non-2xx or 3xx responses: (\d+)/.exec(out)?.[1] ?? 0);
  const errors = status + (socket === null ? 0 : socket.slice(1).reduce((n, s) => n + Number(s), 0));
  if (!Number.isFinite(requests + perSecond)) throw new BenchError(`wrk said something unknown:\n${out}`);
  return { requests, perSecond, p50: p('50'), p99: p('99'), errors };
}

/** h2load gives no percentiles by itself: p50 stands for its mean, p99 is unknown. */
export function parseH2load(out: string): LoadResult {
  const perSecond = Number(/finished in [\d.]+s, ([\d.]+) req\/s/.exec(out)?.[1] ?? NaN);
  const counts = /(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout/.exec(out);
  const codes = /status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx/.exec(out);
  const mean = /^time for request:\s+\S+\s+\S+\s+(\S+)/m.exec(out)?.[1];
  if (!Number.isFinite(perSecond) || counts === null || codes === null) throw new BenchError(`h2load said something unknown:\n${out}`);
  const requests = Number(counts[1]);
  return { requests, perSecond, p50: milliseconds(mean), p99: NaN, errors: Number(counts[2]) + Number(counts[3]) + Number(codes[3]) + Number(codes[4]) };
}
