/** Counts requests, responses and latency of everything that passes, by Linkerd's metric names. */
import type { Clock } from '../../lib/clock.ts';
import { field, type Fields, type Layer, type RequestStream, type ResponseHead, type ResponseStream, type Service } from '../message/contract.ts';
import { RESET, type Reset } from '../message/reset.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Counter, Histogram, Labels } from '../telemetry/registry.ts';

/** Different authorities that one connection or endpoint keeps series for; more are counted together. */
const MAX_AUTHORITIES = 100;
const OTHER = '(other)';

/** Handles for one set of labels and one authority. */
class Series {
  readonly request: Counter;
  private readonly metrics: Metrics;
  private readonly labels: Labels;
  private readonly byOutcome = new Map<string, { responses: Counter; latency: Histogram }>();

  constructor(metrics: Metrics, labels: Labels) {
    this.metrics = metrics;
    this.labels = labels;
    this.request = metrics.requests.with(labels);
  }

  /** `grpc` is the grpc-status or '', `error` the reset's label or '' */
  outcome(status: number, grpc: string, error: string): { responses: Counter; latency: Histogram } {
    const key = `${status} ${grpc} ${error}`;
    let s = this.byOutcome.get(key);
    if (s === undefined) {
      const ok = error === '' && status < 500 && (grpc === '' || !FAILED_GRPC.has(grpc));
      const labels: Record<string, string> = { ...this.labels, status_code: status === 0 ? '' : String(status), classification: ok ? 'success' : 'failure' };
      if (grpc !== '') labels['grpc_status'] = grpc;
      if (error !== '') labels['error'] = error;
      s = { responses: this.metrics.responses.with(labels), latency: this.metrics.latency.with({ ...this.labels, status_code: labels['status_code']! }) };
      this.byOutcome.set(key, s);
    }
    return s;
  }
}

/** gRPC codes that are the server's fault (Linkerd's classification): UNKNOWN, DEADLINE_EXCEEDED, PERMISSION_DENIED, INTERNAL, UNAVAILABLE, DATA_LOSS. */
const FAILED_GRPC = new Set(['2', '4', '7', '13', '14', '15']);

export interface MeasureConfig { metrics: Metrics; clock: Clock; labels: Labels }

/** One layer a connection or endpoint: handles are resolved once for each authority and outcome. */
export function measure({ metrics, clock, labels }: MeasureConfig): Layer {
  const series = new Map<string, Series>();
  const seriesOf = (authority: string): Series => {
    let s = series.get(authority);
    if (s === undefined) {
      const key = series.size < MAX_AUTHORITIES ? authority : OTHER;
      s = series.get(key) ?? new Series(metrics, { ...labels, authority: key });
      series.set(key, s);
    }
    return s;
  };
  return (next: Service): Service => (head, ended, client) => {
    const s = seriesOf(head.authority);
    s.request.value++;
    const answer = new Measured(s, clock, client);
    const up = next(head, ended, answer);
    answer.up = up;
    return answer.asRequest();
  };
}

class Measured implements ResponseStream {
  up!: RequestStream;
  private readonly series: Series;
  private readonly clock: Clock;
  private readonly client: ResponseStream;
  private readonly startedAt: number;
  private status = 0;
  private grpc = '';
  private latency = 0;
  private recorded = false;

  constructor(series: Series, clock: Clock, client: ResponseStream) {
    this.series = series;
    this.clock = clock;
    this.client = client;
    this.startedAt = clock.now();
  }

  /** The request passes by unseen, but for its reset: that ends the exchange too. */
  asRequest(): RequestStream {
    return new MeasuredRequest(this, this.up);
  }

  informational(head: ResponseHead): void {
    this.client.informational(head);
  }

  head(head: ResponseHead): void {
    this.status = head.status;
    this.latency = this.clock.now() - this.startedAt;
    this.grpc = grpcStatus(head.fields);
    this.client.head(head);
  }

  data(buf: Buffer, start: number, end: number): void {
    this.client.data(buf, start, end);
  }

  end(trailers: Fields | null): void {
    if (trailers !== null) this.grpc = grpcStatus(trailers) || this.grpc;
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
    if (this.status !== 0) o.latency.observe(this.latency);
  }
}

class MeasuredRequest implements RequestStream {
  private readonly answer: Measured;
  private readonly up: RequestStream;
  constructor(answer: Measured, up: RequestStream) {
    this.answer = answer;
    this.up = up;
  }
  data(buf: Buffer, start: number, end: number): void { this.up.data(buf, start, end); }
  end(trailers: Fields | null): void { this.up.end(trailers); }
  credit(n: number): void { this.up.credit(n); }
  reset(reason: Reset): void {
    this.answer.record(reason.label);
    this.up.reset(reason);
  }
}

function grpcStatus(fields: Fields): string {
  const s = field(fields, 'grpc-status');
  return s !== undefined && /^\d{1,2}$/.test(s) ? s : '';
}

