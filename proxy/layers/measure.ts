/** Counts requests, responses and latency of everything that passes, by Linkerd's metric names. */
import type { Clock } from '../../lib/clock.ts';
import { type Fields, type Layer, type RequestStream, type ResponseHead, type ResponseStream, type Service } from '../message/contract.ts';
import { FAILED_GRPC, grpcStatusOf } from '../message/grpc-status.ts';
import { RESET, type Reset } from '../message/reset.ts';
import { Memo } from '../telemetry/memo.ts';
import type { RequestMetrics } from '../telemetry/metrics.ts';
import { renderLabels, type Labels } from '../telemetry/text.ts';
import type { Counter, Histogram } from '../telemetry/registry.ts';
import { PassingRequest } from './passing-request.ts';

/** Different authorities that one set of labels keeps series for at a time; more are counted together. */
const MAX_AUTHORITIES = 100;
const OTHER = '(other)';
const MAX_OUTCOMES = 256;

interface Outcome { responses: Counter; latency: Histogram }

/** Handles for one set of labels and one authority. */
class Series {
  readonly authority: string;
  readonly request: Counter;
  private readonly metrics: RequestMetrics;
  private readonly labels: Labels;
  private readonly ended = new Map<number, Outcome>();
  private readonly broken = new Map<string, Outcome>();

  constructor(metrics: RequestMetrics, labels: Labels, authority: string) {
    this.metrics = metrics;
    this.labels = labels;
    this.authority = authority;
    this.request = metrics.requests.with(labels);
  }

  /** `status` 0: no response; `grpc` -1: none; `error`: the reset's label or '' */
  outcome(status: number, grpc: number, error: string): Outcome {
    const plain = status * 128 + grpc;
    const known = error === '' ? this.ended.get(plain) : this.broken.get(`${plain} ${error}`);
    if (known !== undefined) return known;
    const made = this.resolve(status, grpc, error);
    // A server that makes its statuses up does not get a handle for each.
    if (this.ended.size + this.broken.size >= MAX_OUTCOMES) return made;
    if (error === '') this.ended.set(plain, made);
    else this.broken.set(`${plain} ${error}`, made);
    return made;
  }

  private resolve(status: number, grpc: number, error: string): Outcome {
    const code = status === 0 ? '' : String(status);
    const ok = error === '' && status < 500 && !FAILED_GRPC.has(grpc);
    const labels: Record<string, string> = { ...this.labels, status_code: code, classification: ok ? 'success' : 'failure' };
    if (grpc >= 0) labels['grpc_status'] = String(grpc);
    if (error !== '') labels['error'] = error;
    return { responses: this.metrics.responses.with(labels), latency: this.metrics.latency.with({ ...this.labels, status_code: code }) };
  }
}

/** The series of one set of labels, by authority. Shared by every connection with these labels. */
class Meter {
  private readonly metrics: RequestMetrics;
  private readonly labels: Labels;
  private readonly byAuthority: Memo<Series>;
  private last: Series | null = null;
  /** of the authorities that are too many */
  private rest: Series | null = null;
  /** of all, when authorities are not told apart */
  private readonly whole: Series | null;

  constructor(metrics: RequestMetrics, labels: Labels, split: boolean) {
    this.metrics = metrics;
    this.labels = labels;
    this.whole = split ? null : new Series(metrics, labels, '');
    this.byAuthority = new Memo(metrics.registry, MAX_AUTHORITIES);
  }

  of(authority: string): Series {
    const { last, whole } = this;
    if (whole !== null) return whole;
    if (last !== null && last.authority === authority) return last;
    let s = this.byAuthority.get(authority);
    if (s === undefined) {
      if (this.byAuthority.full) return this.rest ??= this.make(OTHER);
      this.byAuthority.set(authority, s = this.make(authority));
    }
    this.last = s;
    return s;
  }

  private make(authority: string): Series {
    return new Series(this.metrics, { ...this.labels, authority }, authority);
  }
}

const meters = new WeakMap<RequestMetrics, Memo<Meter>>();
const MAX_METERS = 1000;

function meterOf(metrics: RequestMetrics, labels: Labels, split: boolean): Meter {
  let memo = meters.get(metrics);
  if (memo === undefined) meters.set(metrics, memo = new Memo(metrics.registry, MAX_METERS));
  const key = renderLabels(labels);
  let meter = memo.get(key);
  if (meter === undefined) {
    meter = new Meter(metrics, labels, split);
    if (!memo.full) memo.set(key, meter);
  }
  return meter;
}

export interface MeasureConfig {
  metrics: RequestMetrics;
  clock: Clock;
  labels: Labels;
  /** one series for all authorities, without that label */
  anyAuthority?: boolean;
}

/** One layer a connection or endpoint: handles are resolved once for each authority and outcome. */
export function measure({ metrics, clock, labels, anyAuthority }: MeasureConfig): Layer {
  const meter = meterOf(metrics, labels, anyAuthority !== true);
  return (next: Service): Service => (head, ended, client) => {
    const s = meter.of(head.authority);
    s.request.value++;
    const answer = new Measured(s, clock, client, head.version === 2);
    const up = next(head, ended, answer);
    answer.up = up;
    return new PassingRequest(answer, up);
  };
}

/** A millisecond's. */
const TICKS = 16;

/** Time in whole ticks, modulo 2^32 (three days): a field with a fraction holds an object of its own as long as the exchange runs. */
function ticks(clock: Clock): number {
  return (clock.now() * TICKS) | 0;
}

class Measured implements ResponseStream {
  up!: RequestStream;
  private readonly series: Series;
  private readonly clock: Clock;
  private readonly client: ResponseStream;
  /** see ticks() */
  private readonly startedAt: number;
  /** gRPC is HTTP/2 only: the fields of other responses need not be looked through */
  private readonly maybeGrpc: boolean;
  private status = 0;
  private grpc = -1;
  /** ticks */
  private latency = 0;
  private recorded = false;

  constructor(series: Series, clock: Clock, client: ResponseStream, maybeGrpc: boolean) {
    this.series = series;
    this.clock = clock;
    this.client = client;
    this.maybeGrpc = maybeGrpc;
    this.startedAt = ticks(clock);
  }

  informational(head: ResponseHead): void {
    this.client.informational(head);
  }

  head(head: ResponseHead): void {
    this.status = head.status;
    this.latency = (ticks(this.clock) - this.startedAt) | 0;
    if (this.maybeGrpc) this.grpc = grpcStatusOf(head.fields);
    this.client.head(head);
  }

  data(buf: Buffer, start: number, end: number): void {
    this.client.data(buf, start, end);
  }

  end(trailers: Fields | null): void {
    if (trailers !== null && this.maybeGrpc) {
      const grpc = grpcStatusOf(trailers);
      if (grpc >= 0) this.grpc = grpc;
    }
    this.record('');
    this.client.end(trailers);
  }

  reset(reason: Reset): void {
    // Refused means unprocessed: it is counted where it is processed.
    if (reason !== RESET.refused) this.record(reason === RESET.noError ? '' : reason.label);
    this.client.reset(reason);
  }

  credit(n: number): void {
    this.client.credit(n);
  }

  record(error: string): void {
    if (this.recorded) return;
    this.recorded = true;
    const o = this.series.outcome(this.status, this.grpc, error);
    o.responses.value++;
    if (this.status !== 0) o.latency.observe(this.latency / TICKS);
  }
}
