/** Reads what the load tools print. */
import { BenchError } from './children.ts';

/** What one run of a load tool saw. */
export interface LoadResult {
  requests: number;
  perSecond: number;
  /** ms */
  p50: number;
  p99: number;
  errors: number;
  /** bytes of bodies, in the direction that is measured */
  bytes: number;
  /** length of the run, s */
  seconds: number;
}

const UNITS: Record<string, number> = { us: 0.001, ms: 1, s: 1000, m: 60_000 };

function milliseconds(text: string | undefined): number {
  const m = /^([\d.]+)(us|ms|s|m)$/.exec(text ?? '');
  return m === null ? NaN : Number(m[1]) * UNITS[m[2]!]!;
}

/** `body`: bytes of one response. */
export function parseWrk(out: string, body: number): LoadResult {
  const whole = /(\d+) requests in ([\d.]+m?s|[\d.]+m)\b/.exec(out);
  const requests = Number(whole?.[1] ?? NaN);
  const perSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(out)?.[1] ?? NaN);
  const p = (q: string): number => milliseconds(new RegExp(`^\\s+${q}%\\s+(\\S+)$`, 'm').exec(out)?.[1]);
  const socket = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(out);
  const status = Number(/Non-2xx or 3xx responses: (\d+)/.exec(out)?.[1] ?? 0);
  const errors = status + (socket === null ? 0 : socket.slice(1).reduce((n, s) => n + Number(s), 0));
  if (!Number.isFinite(requests + perSecond)) throw new BenchError(`wrk said something unknown:\n${out}`);
  return { requests, perSecond, p50: p('50'), p99: p('99'), errors, bytes: requests * body, seconds: milliseconds(whole![2]) / 1000 };
}

/** h2load gives no percentiles by itself: p50 stands for its mean, p99 is unknown. */
export function parseH2load(out: string, body: number): LoadResult {
  const finished = /finished in ([\d.]+)(us|ms|s|m), ([\d.]+) req\/s/.exec(out);
  const counts = /(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout/.exec(out);
  const codes = /status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx/.exec(out);
  const mean = /^time for request:\s+\S+\s+\S+\s+(\S+)/m.exec(out)?.[1];
  if (finished === null || counts === null || codes === null) throw new BenchError(`h2load said something unknown:\n${out}`);
  const requests = Number(counts[1]);
  return {
    requests, perSecond: Number(finished[3]), p50: milliseconds(mean), p99: NaN, errors: Number(counts[2]) + Number(counts[3]) + Number(codes[3]) + Number(codes[4]),
    bytes: requests * body, seconds: milliseconds(`${finished[1]}${finished[2]}`) / 1000,
  };
}

interface Iperf { error?: string; end?: { sum_received?: { bytes?: number; seconds?: number } } }

/** `iperf3 -J`: what the receiving side got. */
export function parseIperf(out: string): LoadResult {
  const said = json('iperf3', out) as Iperf;
  const { bytes, seconds } = said.end?.sum_received ?? {};
  if (said.error !== undefined || bytes === undefined || seconds === undefined) throw new BenchError(`iperf3 failed: ${said.error ?? out}`);
  return { requests: NaN, perSecond: NaN, p50: NaN, p99: NaN, errors: 0, bytes, seconds };
}

/** Latency of an open loop, ms. */
export interface OpenLoop {
  perSecond: number;
  p50: number;
  p99: number;
  p999: number;
  max: number;
  errors: number;
}

interface Fortio { ActualQPS?: number; DurationHistogram?: { Max?: number; Percentiles?: { Percentile: number; Value: number }[] }; RetCodes?: Record<string, number> }

/** `fortio load -json -`. Its times are seconds. */
export function parseFortio(out: string): OpenLoop {
  const said = json('fortio', out) as Fortio;
  const at = (percentile: number): number => (said.DurationHistogram?.Percentiles?.find((p) => p.Percentile === percentile)?.Value ?? NaN) * 1000;
  const errors = Object.entries(said.RetCodes ?? {}).reduce((n, [code, count]) => n + (code === '200' ? 0 : count), 0);
  const result = { perSecond: said.ActualQPS ?? NaN, p50: at(50), p99: at(99), p999: at(99.9), max: (said.DurationHistogram?.Max ?? NaN) * 1000, errors };
  if (!Number.isFinite(result.p999)) throw new BenchError(`fortio said something unknown:\n${out.slice(0, 2000)}`);
  return result;
}

function json(tool: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new BenchError(`${tool} said something unknown:\n${text.slice(0, 2000)}`);
  }
}

/** ms that a line of `--trace-gc` says the program stood still; null for other lines. */
export function gcPause(line: string): number | null {
  const m = /^\[\d+:\S+\s+\d+ ms: .*? -> [\d.]+ \([\d.]+\) MB.*?, ([\d.]+) \/ [\d.]+ ms/.exec(line);
  return m === null ? null : Number(m[1]);
}
