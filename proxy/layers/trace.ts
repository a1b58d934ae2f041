/** Spans of the requests whose callers trace them: only with a collector configured, else the layer is not there and the fields pass as they are. */
import type { Clock } from '../../lib/clock.ts';
import { field, type Fields, type Layer, type RequestHead, type ResponseHead, type ResponseStream } from '../message/contract.ts';
import type { Reset } from '../message/reset.ts';
import { readContext, withSpan, type TraceContext } from '../trace/context.ts';
import { int, SPAN_KIND, text, type KeyValue, type Span } from '../trace/otlp.ts';
import { withFields } from './headers.ts';
import { PassingRequest } from './passing-request.ts';

export interface TraceConfig {
  clock: Clock;
  random: () => number;
  kind: keyof typeof SPAN_KIND;
  /** of every span of this layer */
  attributes: readonly KeyValue[];
  add: (span: Span) => void;
}

/** The proxy's span becomes the parent of what follows; it is recorded when the caller sampled the trace. The proxy starts no trace by itself. */
export function trace(config: TraceConfig): Layer {
  return (next) => (head, ended, client) => {
    const context = readContext(head.fields);
    if (context === null) return next(head, ended, client);
    const spanId = newSpanId(config.random);
    const marked = withFields(head, withSpan(head.fields, context, spanId));
    if (!context.sampled) return next(marked, ended, client);
    const answer = new Traced(config, context, spanId, head, client);
    return new PassingRequest(answer, next(marked, ended, answer));
  };
}

/** The layer for one place of a stack; nothing at all without a collector. */
export function traceTo(spans: { add(span: Span): void } | null, config: Omit<TraceConfig, 'add'>): Layer {
  return spans === null ? (next) => next : trace({ ...config, add: (span) => spans.add(span) });
}

class Traced implements ResponseStream {
  private readonly config: TraceConfig;
  private readonly context: TraceContext;
  private readonly spanId: string;
  private readonly request: RequestHead;
  private readonly client: ResponseStream;
  private readonly startedAt: number;
  private readonly wall: number;
  private status = 0;
  private done = false;

  constructor(config: TraceConfig, context: TraceContext, spanId: string, request: RequestHead, client: ResponseStream) {
    this.config = config;
    this.context = context;
    this.spanId = spanId;
    this.request = request;
    this.client = client;
    this.startedAt = config.clock.now();
    this.wall = config.clock.wall();
  }

  informational(head: ResponseHead): void { this.client.informational(head); }
  data(buf: Buffer, start: number, end: number): void { this.client.data(buf, start, end); }
  credit(n: number): void { this.client.credit(n); }

  head(head: ResponseHead): void {
    this.status = head.status;
    this.client.head(head);
  }

  end(trailers: Fields | null): void {
    this.record('');
    this.client.end(trailers);
  }

  reset(reason: Reset): void {
    this.record(reason.label);
    this.client.reset(reason);
  }

  /** `error` is '' after a whole response */
  record(error: string): void {
    if (this.done) return;
    this.done = true;
    const { config, context, request, status } = this;
    const start = BigInt(Math.round(this.wall * 1000)) * 1000n;
    const path = request.path.split('?', 1)[0]!;
    config.add({
      traceId: Buffer.from(context.traceId, 'hex'), spanId: Buffer.from(this.spanId, 'hex'), parentSpanId: Buffer.from(context.parentId, 'hex'),
      // The query may hold what is nobody's business but the application's.
      name: path, kind: SPAN_KIND[config.kind],
      startTimeUnixNano: start, endTimeUnixNano: start + BigInt(Math.round((config.clock.now() - this.startedAt) * 1e6)),
      attributes: [...config.attributes, ...attributesOf(request, path), ...(status === 0 ? [] : [int('http.response.status_code', status)]), ...(error === '' ? [] : [text('error.type', error)])],
      status: { message: error, code: error !== '' || status >= 500 ? 2 : 0 },
    });
  }
}

function attributesOf({ method, scheme, authority, fields }: RequestHead, path: string): KeyValue[] {
  const agent = field(fields, 'user-agent');
  return [
    text('http.request.method', method), text('url.scheme', scheme), text('url.path', path), text('server.address', authority), text('network.transport', 'tcp'),
    ...(agent === undefined ? [] : [text('user_agent.original', agent)]),
  ];
}

/** 16 hex digits, not all zero */
function newSpanId(random: () => number): string {
  const half = (): string => Math.floor(random() * 2 ** 32).toString(16).padStart(8, '0');
  const id = half() + half();
  return id === '0000000000000000' ? '0000000000000001' : id;
}
