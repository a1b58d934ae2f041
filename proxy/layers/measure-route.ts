/** Counts and times what passes a route or a backend of it, by Linkerd's outbound_http_route_* and outbound_grpc_route_* metrics. */
import type { Clock } from '../../lib/clock.ts';
import type { ErrorCode } from '../errors.ts';
import { type Fields, type Layer, type RequestStream, type ResponseHead, type ResponseStream } from '../message/contract.ts';
import { grpcStatusOf } from '../message/grpc-status.ts';
import { RESET, type Reset } from '../message/reset.ts';
import { OwnAnswer } from '../respond.ts';
import type { Counter, CounterFamily, Histogram, HistogramFamily } from '../telemetry/registry.ts';
import type { Labels } from '../telemetry/text.ts';

export interface RouteSeriesConfig {
  labels: Labels;
  /** counted when an exchange begins; null where that is not counted */
  requests: CounterFamily | null;
  statuses: CounterFamily;
  seconds: HistogramFamily;
  /** sizes of the pieces that bodies come in: of requests on a route, of responses on a backend */
  requestFrames?: HistogramFamily;
  responseFrames?: HistogramFamily;
  /** http_status, or grpc_status for a gRPC route */
  statusLabel: string;
}

/** A server that makes its statuses up does not get a handle for each. */
const MAX_OUTCOMES = 128;

/** Handles for one route or backend. */
export class RouteSeries {
  readonly grpc: boolean;
  readonly requests: Counter | null;
  readonly requestFrames: Histogram | null;
  readonly responseFrames: Histogram | null;
  private readonly config: RouteSeriesConfig;
  private readonly seconds: Histogram;
  private readonly ended = new Map<number, Counter>();

  constructor(config: RouteSeriesConfig) {
    this.config = config;
    this.grpc = config.statusLabel === 'grpc_status';
    this.requests = config.requests?.with(config.labels) ?? null;
    this.seconds = config.seconds.with(config.labels);
    this.requestFrames = config.requestFrames?.with(config.labels) ?? null;
    this.responseFrames = config.responseFrames?.with(config.labels) ?? null;
  }

  /** `status`: HTTP or gRPC status, -1 without; `error`: Linkerd's name of what went wrong, or '' */
  record(status: number, error: string, ms: number): void {
    this.seconds.observe(ms / 1000);
    const known = error === '' ? this.ended.get(status) : undefined;
    if (known !== undefined) {
      known.value++;
      return;
    }
    const { labels, statuses, statusLabel } = this.config;
    const counter = statuses.with({ ...labels, [statusLabel]: this.statusText(status), error });
    counter.value++;
    if (error === '' && this.ended.size < MAX_OUTCOMES) this.ended.set(status, counter);
  }

  private statusText(status: number): string {
    if (status < 0) return '';
    return this.grpc ? (GRPC_NAMES[status] ?? String(status)) : String(status);
  }
}

const GRPC_NAMES = [
  'OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND', 'ALREADY_EXISTS', 'PERMISSION_DENIED', 'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION', 'ABORTED', 'OUT_OF_RANGE', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS', 'UNAUTHENTICATED',
];

/** Linkerd's names of what the proxy answers by itself. */
const ERROR_NAMES: Partial<Record<ErrorCode, string>> = {
  FAIL_FAST: 'FAIL_FAST', NO_ENDPOINTS: 'FAIL_FAST', LOAD_SHED: 'LOAD_SHED', CONNECT: 'IO', CONNECT_TIMEOUT: 'IO', IDENTITY: 'IO', IO: 'IO',
  REQUEST_TIMEOUT: 'REQUEST_TIMEOUT', HEADERS_TIMEOUT: 'RESPONSE_HEADERS_TIMEOUT', RESPONSE_TIMEOUT: 'RESPONSE_STREAM_TIMEOUT', IDLE_TIMEOUT: 'IDLE_TIMEOUT', INJECTED: 'INJECTED',
};

export function measureRoute(series: RouteSeries, clock: Clock): Layer {
  return (next) => (head, ended, client) => {
    if (series.requests !== null) series.requests.value++;
    const answer = new RouteAnswer(series, client, clock);
    return new RouteRequest(answer, next(head, ended, answer), series.requestFrames);
  };
}

class RouteAnswer implements ResponseStream {
  private readonly series: RouteSeries;
  private readonly client: ResponseStream;
  private readonly clock: Clock;
  /** whole milliseconds, modulo 2^32: a fraction would be an object of its own, kept as long as the exchange */
  private readonly startedAt: number;
  private status = -1;
  private error = '';
  private recorded = false;

  constructor(series: RouteSeries, client: ResponseStream, clock: Clock) {
    this.series = series;
    this.client = client;
    this.clock = clock;
    this.startedAt = clock.now() | 0;
  }

  informational(head: ResponseHead): void { this.client.informational(head); }
  credit(n: number): void { this.client.credit(n); }

  data(buf: Buffer, start: number, end: number): void {
    this.series.responseFrames?.observe(end - start);
    this.client.data(buf, start, end);
  }

  head(head: ResponseHead): void {
    this.status = this.series.grpc ? grpcStatusOf(head.fields) : head.status;
    if (head instanceof OwnAnswer) this.error = ERROR_NAMES[head.code] ?? 'UNKNOWN';
    this.client.head(head);
  }

  end(trailers: Fields | null): void {
    if (trailers !== null && this.series.grpc) {
      const grpc = grpcStatusOf(trailers);
      if (grpc >= 0) this.status = grpc;
    }
    this.record(this.error);
    this.client.end(trailers);
  }

  reset(reason: Reset): void {
    this.record(reason === RESET.noError ? this.error : reason.label);
    this.client.reset(reason);
  }

  record(error: string): void {
    if (this.recorded) return;
    this.recorded = true;
    this.series.record(this.status, error, ((this.clock.now() | 0) - this.startedAt) | 0);
  }
}

/** The request passes by unseen, but for its reset: that ends the exchange too. */
class RouteRequest implements RequestStream {
  private readonly answer: RouteAnswer;
  private readonly up: RequestStream;
  private readonly frames: Histogram | null;

  constructor(answer: RouteAnswer, up: RequestStream, frames: Histogram | null) {
    this.answer = answer;
    this.up = up;
    this.frames = frames;
  }

  data(buf: Buffer, start: number, end: number): void {
    this.frames?.observe(end - start);
    this.up.data(buf, start, end);
  }

  end(trailers: Fields | null): void { this.up.end(trailers); }
  credit(n: number): void { this.up.credit(n); }

  reset(reason: Reset): void {
    this.answer.record(reason.label);
    this.up.reset(reason);
  }
}
