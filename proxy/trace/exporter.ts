import { VERSION } from '../../api/version.ts';
import { unary } from '../discover/grpc.ts';
import type { Channel } from '../discover/watch.ts';
import type { Log } from '../log.ts';
import type { Counter, Registry } from '../telemetry/registry.ts';
import { EXPORT, text, type KeyValue, type Span } from './otlp.ts';

const BATCH_MS = 5_000;
/** Spans of one export, and those that wait beside one that is under way. */
const MAX_BATCH = 500;
const MAX_WAITING = 1_000;
const TIMEOUT_MS = 10_000;

/** Takes finished spans and exports them in batches, one at a time; what a slow or missing collector leaves no room for is dropped and counted. */
export class SpanExporter {
  private readonly channel: Channel;
  private readonly log: Log;
  private readonly resource: KeyValue[];
  private readonly requests: Counter;
  private readonly exported: Counter;
  private readonly dropped: Counter;
  private waiting: Span[] = [];
  private busy = false;
  private armed = false;

  /** `attributes`: of the resource, service.name among them */
  constructor(channel: Channel, attributes: Record<string, string>, registry: Registry, log: Log) {
    this.channel = channel;
    this.log = log;
    this.resource = Object.entries(attributes).map(([k, v]) => text(k, v));
    this.requests = registry.counter('opentelemetry_span_export_requests', 'Total count of span export requests.').permanent({});
    this.exported = registry.counter('opentelemetry_span_exports', 'Total count of spans exported.').permanent({});
    this.dropped = registry.counter('opentelemetry_spans_dropped_total', 'Spans that were not exported: too many waited, or the collector failed.').permanent({});
  }

  add(span: Span): void {
    if (this.waiting.length >= MAX_WAITING) {
      this.dropped.value++;
      return;
    }
    this.waiting.push(span);
    if (this.waiting.length >= MAX_BATCH) void this.flush();
    else this.arm();
  }

  private arm(): void {
    if (this.armed) return;
    this.armed = true;
    this.channel.clock.after(BATCH_MS, () => {
      this.armed = false;
      void this.flush();
    });
  }

  /** Exports what waits; resolves when it is done. */
  async flush(): Promise<void> {
    if (this.busy || this.waiting.length === 0) return;
    this.busy = true;
    const spans = this.waiting.splice(0, MAX_BATCH);
    this.requests.value++;
    try {
      const answer = await unary(this.channel, EXPORT, {
        resourceSpans: [{ resource: { attributes: this.resource }, scopeSpans: [{ scope: { name: 'kubectl-mesh', version: VERSION }, spans }] }],
      }, TIMEOUT_MS);
      const rejected = Number(answer.partialSuccess?.rejectedSpans ?? 0n);
      this.exported.value += spans.length - rejected;
      this.dropped.value += rejected;
    } catch (e) {
      this.dropped.value += spans.length;
      this.log.debug('spans could not be exported', { spans: spans.length, error: (e as Error).message });
    }
    this.busy = false;
    if (this.waiting.length > 0) this.arm();
  }
}
