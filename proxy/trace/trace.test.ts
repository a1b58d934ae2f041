import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as grpc from '@grpc/grpc-js';
import * as loader from '@grpc/proto-loader';
import fc from 'fast-check';
import { ManualClock } from '../../lib/clock.ts';
import { ANSWERED, field, RequestHead, ResponseHead, type Fields, type ResponseStream, type Service } from '../message/contract.ts';
import { RESET } from '../message/reset.ts';
import { Registry } from '../telemetry/registry.ts';
import { trace } from '../layers/trace.ts';
import { readContext, withSpan } from './context.ts';
import { SpanExporter } from './exporter.ts';
import { int, text, type Span } from './otlp.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';
const W3C = ['a', 'b', 'traceparent', `00-${TRACE}-${PARENT}-01`, 'tracestate', 'x=y'];
const CLIENT: ResponseStream = { informational() {}, head() {}, data() {}, end() {}, reset() {}, credit() {} };

describe('trace context', () => {
  it('is read from traceparent, else from B3', () => {
    assert.deepEqual(readContext(W3C), { format: 'w3c', traceId: TRACE, parentId: PARENT, sampled: true });
    assert.deepEqual(readContext(['x-b3-traceid', PARENT.toUpperCase(), 'x-b3-spanid', PARENT, 'x-b3-sampled', '0']), { format: 'b3', traceId: `${'0'.repeat(16)}${PARENT}`, parentId: PARENT, sampled: false });
    for (const bad of [`00-${TRACE}-${PARENT}-01-x`, `ff-${TRACE}-${PARENT}-01`, `00-${'0'.repeat(32)}-${PARENT}-01`, `00-${TRACE}-${PARENT}`, '', 'x']) assert.equal(readContext(['traceparent', bad]), null, bad);
  });

  it('keeps everything but the span, and never fails on what a client sends', () => {
    const context = readContext(W3C)!;
    const out = withSpan(W3C, context, '1234567890abcdef');
    assert.deepEqual(out, ['a', 'b', 'traceparent', `00-${TRACE}-1234567890abcdef-01`, 'tracestate', 'x=y']);
    assert.equal(W3C[3], `00-${TRACE}-${PARENT}-01`);
    fc.assert(fc.property(fc.array(fc.tuple(fc.constantFrom('traceparent', 'x-b3-traceid', 'x-b3-spanid', 'x-b3-sampled'), fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-f-]{0,60}$/), fc.constant(PARENT)))), (pairs) => {
      const fields = pairs.flat();
      const found = readContext(fields);
      if (found !== null) assert.equal(withSpan(fields, found, 'f'.repeat(16)).length, fields.length);
    }));
  });
});

describe('the trace layer', () => {
  const run = (fields: Fields, answer: (client: ResponseStream) => void): { spans: Span[]; seen: RequestHead } => {
    const spans: Span[] = [];
    const clock = new ManualClock(1_700_000_000_000);
    let seen!: RequestHead;
    let client!: ResponseStream;
    const next: Service = (head, _ended, c) => {
      seen = head;
      client = c;
      return ANSWERED;
    };
    const layer = trace({ clock, random: () => 0.5, kind: 'server', attributes: [text('direction', 'inbound')], add: (s) => spans.push(s) });
    layer(next)(new RequestHead('GET', 'http', 'shop', '/a?secret=1', fields), true, CLIENT);
    clock.advance(5);
    answer(client);
    return { spans, seen };
  };
  const ok = (client: ResponseStream): void => {
    client.head(new ResponseHead(200, []));
    client.end(null);
  };

  it('records what its caller samples, and becomes the parent of what follows', () => {
    const { spans: [span], seen } = run(W3C, ok);
    assert.equal(field(seen.fields, 'traceparent'), `00-${TRACE}-8000000080000000-01`);
    assert.deepEqual([Buffer.from(span!.traceId).toString('hex'), Buffer.from(span!.spanId).toString('hex'), Buffer.from(span!.parentSpanId).toString('hex')], [TRACE, '8000000080000000', PARENT]);
    assert.deepEqual([span!.name, span!.kind, span!.startTimeUnixNano, span!.endTimeUnixNano - span!.startTimeUnixNano, span!.status.code], ['/a', 2, 1_700_000_000_000_000_000n, 5_000_000n, 0]);
    assert.ok(!JSON.stringify(span, (_k, v: unknown) => (typeof v === 'bigint' ? String(v) : v)).includes('secret'));
  });

  it('says what failed', () => {
    const { spans: [span] } = run(W3C, (c) => c.reset(RESET.io));
    assert.deepEqual(span!.status, { message: 'IO', code: 2 });
  });

  it('leaves alone what is not traced, and records nothing that is not sampled', () => {
    const plain = run(['a', 'b'], ok);
    assert.deepEqual([plain.spans, plain.seen.fields], [[], ['a', 'b']]);
    const unsampled = run(['traceparent', `00-${TRACE}-${PARENT}-00`], ok);
    assert.deepEqual([unsampled.spans, field(unsampled.seen.fields, 'traceparent')], [[], `00-${TRACE}-8000000080000000-00`]);
  });
});

// What a collector reads, by field numbers of opentelemetry-proto 1.x, parsed by another implementation.
const PROTO = `syntax = "proto3"; package opentelemetry.proto.collector.trace.v1;
message Any { oneof value { string s = 1; bool b = 2; int64 i = 3; } } message KV { string key = 1; Any value = 2; }
message Status { string message = 2; int32 code = 3; }
message Span { bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; string name = 5; int32 kind = 6; fixed64 start = 7; fixed64 end = 8; repeated KV attributes = 9; Status status = 15; }
message Scope { string name = 1; string version = 2; } message ScopeSpans { Scope scope = 1; repeated Span spans = 2; }
message Resource { repeated KV attributes = 1; } message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
message Request { repeated ResourceSpans resource_spans = 1; } message Partial { int64 rejected_spans = 1; string error_message = 2; } message Response { Partial partial_success = 1; }
service TraceService { rpc Export(Request) returns (Response); }`;

interface Exported { resource_spans: { resource: { attributes: { key: string; value: { s: string } }[] }; scope_spans: { spans: { name: string; kind: number; end: string; attributes: { key: string; value: { i?: string } }[] }[] }[] }[] }

describe('the span exporter', () => {
  const span = (name: string): Span => ({
    traceId: Buffer.from(TRACE, 'hex'), spanId: Buffer.from(PARENT, 'hex'), parentSpanId: Buffer.from(PARENT, 'hex'), name, kind: 3, startTimeUnixNano: 1n, endTimeUnixNano: 2n ** 60n,
    attributes: [int('http.response.status_code', 200)], status: { message: '', code: 0 },
  });

  it('exports in a form that another implementation reads', async () => {
    const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'otlp-')), 'trace.proto');
    fs.writeFileSync(file, PROTO);
    const definition = loader.loadSync(file, { keepCase: true, longs: String, oneofs: true });
    fs.rmSync(path.dirname(file), { recursive: true });
    const { TraceService } = (grpc.loadPackageDefinition(definition) as unknown as { opentelemetry: { proto: { collector: { trace: { v1: { TraceService: grpc.ServiceClientConstructor } } } } } }).opentelemetry.proto.collector.trace.v1;
    const got: Exported[] = [];
    const server = new grpc.Server();
    server.addService(TraceService.service, { Export: (call: { request: Exported }, done: (e: null, r: object) => void) => {
      got.push(call.request);
      done(null, {});
    } });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (e, p) => { if (e) reject(e); else resolve(p); });
    });
    const { startProxy } = await import('../testing/pair.ts');
    const { TestControlPlane } = await import('../testing/control-plane.ts');
    const control = new TestControlPlane();
    await control.start();
    const proxy = await startProxy(control, 'a.b.c', null, undefined, { MESH_PROXY_TRACE_COLLECTOR_SVC_ADDR: `127.0.0.1:${port}`, MESH_PROXY_TRACE_EXTRA_ATTRIBUTES: 'k8s.pod.name="web-1"' });
    const spans = proxy.proxy.spans!;
    spans.add(span('/one'));
    spans.add(span('/two'));
    await spans.flush();
    const [{ resource, scope_spans: [{ spans: read }] }] = got[0]!.resource_spans as [{ resource: Exported['resource_spans'][0]['resource']; scope_spans: [Exported['resource_spans'][0]['scope_spans'][0]] }];
    assert.deepEqual(resource.attributes.map((a) => [a.key, a.value.s]), [['service.name', 'mesh-proxy'], ['k8s.pod.name', 'web-1']]);
    assert.deepEqual(read.map((s) => [s.name, s.kind, s.end, s.attributes[0]!.value.i]), [['/one', 3, String(2n ** 60n), '200'], ['/two', 3, String(2n ** 60n), '200']]);
    assert.match(proxy.proxy.metrics.registry.expose(), /opentelemetry_span_exports 2/);
    await proxy.close();
    await control.stop();
    server.forceShutdown();
  });

  it('drops and counts what a collector that does not answer leaves no room for', async () => {
    const clock = new ManualClock();
    const registry = new Registry();
    let calls = 0;
    const service: Service = () => {
      calls++;
      return ANSWERED;
    };
    const exporter = new SpanExporter({ service, authority: 'c', clock, random: () => 0 }, {}, registry, { debug() {} } as never);
    for (let i = 0; i < 2000; i++) exporter.add(span('/x'));
    assert.equal(calls, 1);
    assert.match(registry.expose(), /opentelemetry_spans_dropped_total 500/);
    clock.advance(10_000);
    await new Promise((r) => { setImmediate(r); });
    assert.match(registry.expose(), /opentelemetry_spans_dropped_total 1000/);
    clock.advance(5_000);
    assert.equal(calls, 2);
  });
});
