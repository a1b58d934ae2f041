/** GRPCRoutes and TCPRoutes, from the API server to the wire. */
import assert from 'node:assert/strict';
import net from 'node:net';
import * as grpc from '@grpc/grpc-js';
import { join, route, service, type Joined } from './joined.testkit.ts';

const bytes = (value: Buffer): Buffer => value;
const method = (path: string) => ({ path, requestStream: false, responseStream: false, requestSerialize: bytes, requestDeserialize: bytes, responseSerialize: bytes, responseDeserialize: bytes });
const METHODS = { get: method('/shop.Books/Get'), list: method('/shop.Books/List'), ping: method('/shop.Other/Ping'), flaky: method('/shop.Flaky/Get') };

/** Answers with its name and what it saw of x-added; shop.Flaky/Get fails twice out of three times. */
async function grpcServer(name: string): Promise<{ server: grpc.Server; port: number }> {
  const server = new grpc.Server();
  const answer: grpc.handleUnaryCall<Buffer, Buffer> = (call, done) => done(null, Buffer.from(`${name} ${call.metadata.get('x-added').join()}`));
  let calls = 0;
  server.addService(METHODS, {
    get: answer, list: answer, ping: answer,
    flaky: ((_call, done) => (++calls % 3 === 0 ? done(null, Buffer.from(name)) : done({ code: grpc.status.UNAVAILABLE }))) satisfies grpc.handleUnaryCall<Buffer, Buffer>,
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  return { server, port };
}

async function tcpServer(name: string): Promise<{ server: net.Server; port: number }> {
  const server = net.createServer((socket) => void socket.on('error', () => undefined).end(name));
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return { server, port: (server.address() as net.AddressInfo).port };
}

describe('routes of other kinds, from the API server to the wire', () => {
  let joined: Joined;
  const grpcServers: grpc.Server[] = [];
  const tcpServers: net.Server[] = [];
  const clients: grpc.Client[] = [];

  before(async () => {
    const [v1, v2] = [await grpcServer('v1'), await grpcServer('v2')];
    const [t1, t2] = [await tcpServer('t1'), await tcpServer('t2')];
    grpcServers.push(v1.server, v2.server);
    tcpServers.push(t1.server, t2.server);
    joined = await join(
      service('v1', '10.96.1.1', v1.port), service('v2', '10.96.1.2', v2.port), service('t1', '10.96.1.3', t1.port), service('t2', '10.96.1.4', t2.port),
      service('books', '10.96.0.1', v1.port, { annotations: { 'kubectl-mesh.io/retry-grpc': 'unavailable', 'kubectl-mesh.io/retry-limit': '2', 'kubectl-mesh.io/retry-backoff-base': '1ms' } }),
      service('bytes', '10.96.0.2', t1.port),
      route('GRPCRoute', 'books', `
  - matches: [{method: {service: shop.Books}}]
    backendRefs: [{name: v1, port: 80}]
  - matches: [{method: {service: shop.Books, method: List}}]
    filters: [{type: RequestHeaderModifier, requestHeaderModifier: {add: [{name: X-Added, value: "yes"}]}}]
    backendRefs: [{name: v2, port: 80}]
  - matches: [{method: {service: shop.Books}, headers: [{name: x-broken, value: "1"}]}]
    backendRefs: [{name: nowhere, port: 80}]
  - matches: [{method: {service: shop.Flaky}}]`),
      route('TCPRoute', 'bytes', '[{backendRefs: [{name: t1, port: 80, weight: 1}, {name: t2, port: 80, weight: 1}]}]'),
    );
  });
  after(async () => {
    for (const client of clients) client.close();
    await joined.close();
    for (const server of grpcServers) server.forceShutdown();
    for (const server of tcpServers) await new Promise((resolve) => { server.close(resolve); });
  });

  it('take gRPC calls by service, method and headers, and fail as gRPC does', async () => {
    const proxy = await joined.client('10.96.0.1');
    const client = new grpc.Client(`127.0.0.1:${proxy.outboundPort}`, grpc.credentials.createInsecure());
    clients.push(client);
    const call = (path: string, headers: Record<string, string> = {}): Promise<string> => new Promise((resolve) => {
      const metadata = new grpc.Metadata();
      for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
      client.makeUnaryRequest(path, bytes, bytes, Buffer.alloc(0), metadata, (error, answer) => resolve(error ? grpc.status[error.code] : answer!.toString().trim()));
    });
    const answers = [await call('/shop.Books/Get'), await call('/shop.Books/List'), await call('/shop.Books/Get', { 'x-broken': '1' }), await call('/shop.Other/Ping')];
    assert.deepEqual(answers, ['v1', 'v2 yes', 'UNAVAILABLE', 'UNIMPLEMENTED']);
    assert.deepEqual([await call('/shop.Flaky/Get'), await call('/shop.Flaky/Get')], ['v1', 'v1']);
  });

  it('spread connections by weight', async () => {
    const proxy = await joined.client('10.96.0.2');
    const connect = (): Promise<string> => new Promise((resolve, reject) => {
      let text = '';
      net.connect(proxy.outboundPort, '127.0.0.1').on('data', (data) => { text += data.toString(); }).on('end', () => resolve(text)).on('error', reject);
    });
    const answers: string[] = [];
    while (answers.length < 60) answers.push(await connect());
    assert.deepEqual([...new Set(answers)].sort(), ['t1', 't2']);
  });
});
