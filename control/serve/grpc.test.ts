import assert from 'node:assert/strict';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { ChannelCredentials, Client, credentials as grpcCredentials, type ServiceError } from '@grpc/grpc-js';
import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { Identity, CertifyResponseSchema } from '../../api/gen/identity_pb.js';
import { Destination, DestinationProfileSchema } from '../../api/gen/destination_pb.js';
import { destination_DestinationProfile, destination_GetDestination, identity_CertifyRequest, identity_CertifyResponse, METHODS } from '../../api/gen/tables.ts';
import { ManualClock, systemClock } from '../../lib/clock.ts';
import { frame, FrameParser } from '../../lib/grpc/frame.ts';
import { decode, encode } from '../../lib/grpc/wire.ts';
import { silentLog } from '../../lib/log.ts';
import { callerOf, type Caller } from './caller.ts';
import type { Credentials } from './credentials.ts';
import { serveGrpc, type GrpcServer } from './grpc.ts';
import type { CredentialsHolder } from './holder.ts';
import type { Router } from './router.ts';
import { PING_EVERY_MS, PING_TIMEOUT_MS } from './keep-alive.ts';
import { testMesh, until } from './testing/mesh.ts';

const SERVER = 'mesh-control.mesh-system.serviceaccount.identity.mesh-system.cluster.local';
const CLIENT = 'web.default.serviceaccount.identity.mesh-system.cluster.local';
const SPIFFE = 'spiffe://cluster.local/ns/default/sa/web';

const mesh = await testMesh();

/** As a stock proxy connects: SNI, no ALPN, TLS 1.3, HTTP/2 by prior knowledge. */
async function dial(port: number, client?: Credentials, anchors = mesh.root.certificate): Promise<{ socket: TLSSocket; session: ClientHttp2Session }> {
  const socket = connectTls({
    host: '127.0.0.1', port, servername: SERVER, ca: anchors, checkServerIdentity: () => undefined, minVersion: 'TLSv1.3', ...(client && { key: client.keyPem, cert: client.chain }),
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.once('secureConnect', () => resolve());
  });
  const session = connectHttp2(`https://${SERVER}`, { createConnection: () => socket });
  session.on('error', () => undefined);
  return { socket, session };
}

/** Speaks the first words of HTTP/2 and then nothing, whatever comes. */
async function rawPeer(port: number): Promise<TLSSocket> {
  const socket = connectTls({ host: '127.0.0.1', port, servername: SERVER, ca: mesh.root.certificate, checkServerIdentity: () => undefined });
  socket.on('error', () => undefined);
  await new Promise((resolve) => { socket.once('secureConnect', resolve); });
  socket.resume();
  const emptySettings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
  socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), emptySettings]));
  return socket;
}

interface Call { messages: Buffer[]; trailers: Record<string, unknown>; ended: Promise<void> }

function call(session: ClientHttp2Session, path: string, message: Uint8Array): Call {
  const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' });
  const result: Call = { messages: [], trailers: {}, ended: Promise.resolve() };
  const parser = new FrameParser((m) => result.messages.push(Buffer.from(m)));
  stream.on('data', (chunk: Buffer) => parser.push(chunk));
  stream.on('response', (h) => { result.trailers = { ...result.trailers, ...h }; });
  stream.on('trailers', (h) => { result.trailers = { ...result.trailers, ...h }; });
  stream.on('error', () => undefined);
  result.ended = new Promise((resolve) => { stream.once('close', () => resolve()); });
  stream.end(frame(message));
  return result;
}

const request = encode(identity_CertifyRequest, { identity: CLIENT, token: Buffer.from('t'), certificateSigningRequest: Buffer.from('c') });
const watchRequest = encode(destination_GetDestination, { path: '10.0.0.1:80', contextToken: 'ctx\n' });

describe('gRPC over mesh TLS', () => {
  let identity: CredentialsHolder;
  let server: GrpcServer;
  let clock: ManualClock;
  let callers: Caller[];
  let aborted: number;

  const routes = (router: Router): void => {
    router.service(Identity, {
      async certify(given, context) {
        callers.push(callerOf(context));
        if (given.identity === 'stuck') await new Promise(() => undefined);
        if (given.identity === 'break') throw new Error('a secret of the server');
        if (given.identity === 'refuse') throw new ConnectError('no 50 % ünsafe', Code.FailedPrecondition);
        return create(CertifyResponseSchema, { leafCertificate: Buffer.from(given.identity) });
      },
    });
    router.service(Destination, {
      async *get() {
        yield* [];
        throw new Error('a secret of the stream');
      },
      async *getProfile(given, context) {
        yield create(DestinationProfileSchema, { fullyQualifiedName: given.contextToken });
        await new Promise((resolve) => { context.signal.addEventListener('abort', resolve, { once: true }); });
        aborted++;
        throw context.signal.reason;
      },
    });
  };

  beforeEach(async () => {
    callers = [];
    aborted = 0;
    clock = new ManualClock();
    identity = await mesh.identity(SERVER);
    server = await serveGrpc({ host: '127.0.0.1', port: 0, routes, identity, log: silentLog(), clock, stopGraceMs: 60_000 });
  });
  afterEach(() => server.stop());

  it('serves a client that has no certificate and no ALPN, as a stock proxy before its first Certify', async () => {
    const { session, socket } = await dial(server.port);
    assert.equal(socket.alpnProtocol, false);
    assert.equal(socket.getProtocol(), 'TLSv1.3');
    const done = call(session, METHODS.Identity_Certify, request);
    await done.ended;
    assert.equal(done.trailers['grpc-status'], '0');
    assert.equal(Buffer.from(decode(identity_CertifyResponse, done.messages[0]!).leafCertificate).toString(), CLIENT);
    assert.deepEqual(callers, [{ identity: '', spiffe: '', remoteAddress: '127.0.0.1' }]);
    session.destroy();
  });

  it('knows the verified identity of a client with a certificate', async () => {
    const { session } = await dial(server.port, await mesh.credentials(CLIENT, SPIFFE));
    await call(session, METHODS.Identity_Certify, request).ended;
    assert.deepEqual(callers, [{ identity: CLIENT, spiffe: SPIFFE, remoteAddress: '127.0.0.1' }]);
    session.destroy();
  });

  it('turns away a client certificate that no trust anchor vouches for', async () => {
    const stranger = await (await testMesh()).credentials(CLIENT, SPIFFE);
    const { session, socket } = await dial(server.port, stranger);
    const done = call(session, METHODS.Identity_Certify, request);
    await new Promise((resolve) => { socket.once('close', resolve); });
    await done.ended;
    assert.deepEqual(callers, []);
    assert.equal(done.trailers['grpc-status'], undefined);
  });

  it('refuses TLS 1.2', async () => {
    const socket = connectTls({ host: '127.0.0.1', port: server.port, servername: SERVER, ca: mesh.root.certificate, maxVersion: 'TLSv1.2', checkServerIdentity: () => undefined });
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => { socket.once('error', resolve); });
    assert.match(String(error.code), /PROTOCOL_VERSION/);
  });

  it('serves an ordinary gRPC client, which negotiates h2', async () => {
    const c = await mesh.credentials(CLIENT);
    const secure: ChannelCredentials = grpcCredentials.createSsl(Buffer.from(c.anchors), Buffer.from(c.keyPem), Buffer.from(c.chain), { checkServerIdentity: () => undefined });
    const client = new Client(`127.0.0.1:${server.port}`, secure, { 'grpc.ssl_target_name_override': SERVER });
    const unary = (identityName: string): Promise<Buffer | ServiceError> => new Promise((resolve) => {
      client.makeUnaryRequest(METHODS.Identity_Certify, (b: Uint8Array) => Buffer.from(b), (b: Buffer) => b,
        encode(identity_CertifyRequest, { identity: identityName }), (error, value) => resolve(error ?? value!));
    });
    assert.equal(Buffer.from(decode(identity_CertifyResponse, await unary('x') as Buffer).leafCertificate).toString(), 'x');
    assert.equal(callers[0]?.identity, CLIENT);
    const refused = await unary('refuse') as ServiceError;
    assert.deepEqual([refused.code, refused.details], [Code.FailedPrecondition, 'no 50 % ünsafe']);
    client.close();
  });

  it('tells clients nothing about failures that were not meant', async () => {
    const { session } = await dial(server.port);
    for (const [path, message] of [[METHODS.Identity_Certify, encode(identity_CertifyRequest, { identity: 'break' })], [METHODS.Destination_Get, watchRequest]] as const) {
      const done = call(session, path, message);
      await done.ended;
      assert.deepEqual([done.trailers['grpc-status'], done.trailers['grpc-message']], ['13', 'internal error']);
    }
    session.destroy();
  });

  it('answers unknown methods and other content with an HTTP status, and goes on', async () => {
    const { session } = await dial(server.port);
    const unknown = call(session, '/io.linkerd.proxy.identity.Identity/Nothing', request);
    await unknown.ended;
    assert.equal(unknown.trailers[':status'], 404);
    const oversize = call(session, METHODS.Identity_Certify, Buffer.alloc(300 * 1024));
    await oversize.ended;
    assert.equal(oversize.trailers['grpc-status'], '8');
    const fine = call(session, METHODS.Identity_Certify, request);
    await fine.ended;
    assert.equal(fine.trailers['grpc-status'], '0');
    session.destroy();
  });

  it('survives requests whose :authority is missing or no authority', async () => {
    const { session } = await dial(server.port);
    for (const headers of [{ ':authority': '' }, { ':authority': 'a b' }, { ':authority': ':::' }, { ':authority': '', host: '[' }]) {
      const stream = session.request({ ':method': 'POST', ':path': METHODS.Identity_Certify, 'content-type': 'application/grpc', te: 'trailers', ...headers });
      stream.on('error', () => undefined);
      const closed = new Promise((resolve) => { stream.once('close', resolve); });
      stream.resume();
      stream.end(frame(request));
      await closed;
    }
    const fine = call(session, METHODS.Identity_Certify, request);
    await fine.ended;
    assert.equal(fine.trailers['grpc-status'], '0');
    session.destroy();
  });

  it('keeps connections over a change of leaf and anchors, and uses both for new ones', async () => {
    const before = await dial(server.port);
    const watch = call(before.session, METHODS.Destination_GetProfile, watchRequest);
    await until(() => watch.messages.length === 1);
    assert.equal(decode(destination_DestinationProfile, watch.messages[0]!).fullyQualifiedName, 'ctx\n');

    const next = await testMesh();
    identity.set(await next.credentials(SERVER));
    const after = await dial(server.port, await next.credentials('late.default.serviceaccount.identity.mesh-system.cluster.local'), next.root.certificate);
    await call(after.session, METHODS.Identity_Certify, request).ended;
    assert.equal(callers[0]?.identity, 'late.default.serviceaccount.identity.mesh-system.cluster.local');
    await assert.rejects(dial(server.port), { code: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY' });

    const again = call(before.session, METHODS.Identity_Certify, request);
    await again.ended;
    assert.equal(again.trailers['grpc-status'], '0');
    assert.equal(aborted, 0);
    before.session.destroy();
    after.session.destroy();
  });

  it('stops with UNAVAILABLE on watches and GOAWAY on connections', async () => {
    const { session } = await dial(server.port);
    const goaway = new Promise<number>((resolve) => { session.once('goaway', resolve); });
    const watch = call(session, METHODS.Destination_GetProfile, watchRequest);
    await until(() => watch.messages.length === 1);
    await server.stop();
    await watch.ended;
    assert.equal(watch.trailers['grpc-status'], '14');
    assert.equal(await goaway, 0);
    await until(() => server.connections === 0);
    await assert.rejects(dial(server.port), { code: 'ECONNREFUSED' });
    server = await serveGrpc({ host: '127.0.0.1', port: 0, routes, identity, log: silentLog(), clock: systemClock });
  });

  it('cuts what does not end within the grace time', async () => {
    const { session } = await dial(server.port);
    const closed = new Promise((resolve) => { session.once('close', resolve); });
    call(session, METHODS.Identity_Certify, encode(identity_CertifyRequest, { identity: 'stuck' }));
    await until(() => callers.length === 1);
    let stopped = false;
    const stopping = server.stop().then(() => { stopped = true; });
    await new Promise((resolve) => { session.once('goaway', resolve); });
    clock.advance(59_000);
    assert.equal(stopped, false);
    clock.advance(1000);
    await Promise.all([stopping, closed]);
    server = await serveGrpc({ host: '127.0.0.1', port: 0, routes, identity, log: silentLog(), clock });
  });

  it('lets short calls finish when it stops, and tells those that come before it knows enough to go elsewhere', async () => {
    let sync = (): void => undefined;
    const synced = new Promise<void>((resolve) => { sync = resolve; });
    const other = await serveGrpc({ host: '127.0.0.1', port: 0, routes, identity, log: silentLog(), clock, finishes: true, synced, stopGraceMs: 60_000 });
    const { session } = await dial(other.port);
    const early = call(session, METHODS.Identity_Certify, request);
    let late = false;
    void early.ended.then(() => { late = true; });
    await until(() => {
      clock.advance(100);
      return late;
    });
    assert.deepEqual([early.trailers['grpc-status'], callers.length], ['14', 0]);
    const patient = call(session, METHODS.Identity_Certify, request);
    const watch = call(session, METHODS.Destination_GetProfile, watchRequest);
    sync();
    await until(() => patient.trailers['grpc-status'] === '0' && watch.messages.length === 1);
    const goaway = new Promise((resolve) => { session.once('goaway', resolve); });
    const stopping = other.stop();
    await goaway;
    assert.equal(aborted, 0);
    clock.advance(60_000);
    await stopping;
  });

  it('drops a peer that no longer answers PING, and only that', async () => {
    const alive = await dial(server.port);
    const dead = await rawPeer(server.port);
    await call(alive.session, METHODS.Identity_Certify, request).ended;
    await until(() => server.connections === 2);
    let pings = 0;
    alive.session.on('ping', () => { pings++; });
    clock.advance(PING_EVERY_MS);
    await until(() => pings === 1);
    // the answer to the living one's PING has to be back before its time is up
    await call(alive.session, METHODS.Identity_Certify, request).ended;
    clock.advance(PING_TIMEOUT_MS);
    await until(() => server.connections === 1);
    await call(alive.session, METHODS.Identity_Certify, request).ended;
    alive.session.destroy();
    dead.destroy();
  });

  it('does not start when told to stop before there is a certificate', async () => {
    const stop = new AbortController();
    const never = { ready: new Promise<void>(() => undefined), current: () => null, onChange: () => () => undefined, stop: () => undefined };
    const starting = serveGrpc({ host: '127.0.0.1', port: 0, routes, identity: never, log: silentLog(), clock, signal: stop.signal });
    stop.abort();
    await assert.rejects(starting, /told to stop/);
  });
});
