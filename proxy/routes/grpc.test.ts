import assert from 'node:assert/strict';
import http2 from 'node:http2';
import type { Init } from '../../lib/grpc/wire.ts';
import type { GrpcRoute_Rule, OutboundPolicy } from '../../api/gen/outbound_pb.js';
import { backend, duration, grpcPolicy, meta } from '../testing/policies.ts';
import { World } from './world.testkit.ts';

/** A gRPC server that answers with its name, or fails with the status that a call asks for in `x-fail`, in the trailers or as trailers-only response. */
function grpcServer(name: string, calls: string[]): http2.Http2Server {
  const server = http2.createServer();
  server.on('stream', (stream, headers) => {
    calls.push(String(headers[':path']));
    stream.on('error', () => {});
    const fail = headers['x-fail'];
    if (fail !== undefined) {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': String(fail) }, { endStream: true });
      return;
    }
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'x-server': name }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.resume();
    stream.on('end', () => stream.end(name));
  });
  return server;
}

interface Answer { status: number; grpc: string; body: string; error: string }

describe('routes of gRPC, through the proxy', () => {
  const world = new World();
  const calls = new Map<string, string[]>([['blue', []], ['green', []]]);
  let policy: Init<OutboundPolicy>;
  let session: http2.ClientHttp2Session;

  async function update(...rules: Init<GrpcRoute_Rule>[]): Promise<void> {
    policy = grpcPolicy({ metadata: meta('GRPCRoute', 'g'), hosts: [], rules: rules.map((r) => ({ matches: [], filters: [], ...r })) });
    if (session !== undefined) await world.changed();
  }
  const to = (name: string): Init<GrpcRoute_Rule>['backends'] => ({ kind: { case: 'firstAvailable', value: { backends: [{ backend: backend(name), filters: [] }] } } });
  const rpc = (service: string, method: string) => ({ rpc: { service, method }, headers: [] });

  function call(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...headers });
      const a: Answer = { status: 0, grpc: '', body: '', error: '' };
      stream.on('response', (h) => {
        a.status = h[':status']!;
        a.grpc = String(h['grpc-status'] ?? '');
        a.error = String(h['l5d-proxy-error'] ?? '');
      });
      stream.on('trailers', (h) => { a.grpc = String(h['grpc-status']); });
      stream.on('data', (c: Buffer) => { a.body += c.toString(); });
      stream.on('end', () => resolve(a));
      stream.on('error', reject);
      stream.end('question');
    });
  }

  before(async () => {
    await update({ matches: [rpc('shop.Books', 'Get')], backends: to('blue') }, { matches: [rpc('shop.Books', '')], backends: to('green') }, { matches: [rpc('', 'Any')], backends: to('blue') });
    await world.start(() => policy);
    for (const [name, list] of calls) world.control.services.set(name, { endpoints: [{ ip: '127.0.0.1', port: await world.listen(grpcServer(name, list)), h2: true }] });
    session = http2.connect(`http://127.0.0.1:${world.proxy.outboundPort}`);
  });
  after(async () => {
    session.destroy();
    await world.stop();
  });

  it('go by service and method', async () => {
    assert.equal((await call('/shop.Books/Get')).body, 'blue');
    assert.equal((await call('/shop.Books/Any')).body, 'green');
    assert.equal((await call('/other.Books/Any')).body, 'blue');
    const none = await call('/other.Books/Get');
    assert.deepEqual([none.status, none.grpc], [200, '12']);
  });

  it('retry trailers-only failures, and count by gRPC status', async () => {
    await update({ retry: { maxRetries: 2, maxRequestBytes: 65_536, conditions: { unavailable: true }, backoff: { minBackoff: duration(1), maxBackoff: duration(2) } }, backends: to('blue') });
    const before = calls.get('blue')!.length;
    assert.equal((await call('/a.B/C', { 'x-fail': '14' })).grpc, '14');
    assert.equal((await call('/a.B/C', { 'x-fail': '5' })).grpc, '5');
    assert.equal(calls.get('blue')!.length - before, 4);
    const text = await world.metrics();
    assert.match(text, /outbound_grpc_route_request_statuses_total\{[^}]*route_kind="GRPCRoute"[^}]*route_name="g",grpc_status="UNAVAILABLE",error=""\} 1/);
    assert.match(text, /outbound_grpc_route_backend_response_statuses_total\{[^}]*backend_name="blue"[^}]*grpc_status="NOT_FOUND",error=""\} 1/);
  });

  it('fail on purpose as trailers-only responses', async () => {
    await update({ filters: [{ kind: { case: 'failureInjector', value: { code: 8, message: 'enough' } } }], backends: to('blue') });
    assert.deepEqual(await call('/a.B/C'), { status: 200, grpc: '8', body: '', error: 'enough' });
    await update({ filters: [{ kind: { case: 'fault', value: { abort: { kind: { case: 'httpStatus', value: 503 } } } } }], backends: to('blue') });
    assert.deepEqual((await call('/a.B/C')).grpc, '14');
    await update({ filters: [{ kind: { case: 'fault', value: { abort: { kind: { case: 'grpcStatus', value: 16 } } } } }], backends: to('blue') });
    assert.deepEqual((await call('/a.B/C')).grpc, '16');
  });

  it('mirror calls, whose own failures stay unseen', async () => {
    await update({ filters: [{ kind: { case: 'mirror', value: { backend: backend('green') } } }], backends: to('blue') });
    const before = calls.get('green')!.length;
    assert.deepEqual([(await call('/a.B/C')).body, (await call('/a.B/C', { 'x-fail': '13' })).grpc], ['blue', '13']);
    while (calls.get('green')!.length < before + 2) await new Promise((r) => { setTimeout(r, 5); });
  });

  it('change response headers', async () => {
    await update({ filters: [{ kind: { case: 'responseHeaderModifier', value: { add: { headers: [] }, set: { headers: [{ name: 'grpc-status', value: Buffer.from('3') }] }, remove: [] } } }], backends: to('blue') });
    assert.equal((await call('/a.B/C', { 'x-fail': '13' })).grpc, '3');
  });
});
