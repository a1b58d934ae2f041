import assert from 'node:assert/strict';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { CertifyRequestSchema, Identity } from '../../api/gen/identity_pb.js';
import { METHODS } from '../../api/gen/tables.ts';
import { systemClock } from '../../lib/clock.ts';
import { frame } from '../../lib/grpc/frame.ts';
import { silentLog } from '../../lib/log.ts';
import { createCsr } from '../../lib/pki/csr.ts';
import { generateKeys } from '../../lib/pki/keys.ts';
import { serveGrpc, type GrpcServer } from '../serve/grpc.ts';
import { testConfig } from '../serve/testing/config.ts';
import { testMesh } from '../serve/testing/mesh.ts';
import { certifier } from './certify.ts';
import { TokenRefused } from './token-review.ts';

const SELF = 'mesh-identity.mesh-system.serviceaccount.identity.mesh-system.cluster.local';
const WEB = 'web.default.serviceaccount.identity.mesh-system.cluster.local';
const TOKEN = 'a.b.c';
const GOOD = toBinary(CertifyRequestSchema, create(CertifyRequestSchema, { identity: WEB, token: Buffer.from(TOKEN), certificateSigningRequest: createCsr(generateKeys().privateKey, WEB) }));
/** gRPC's, of the answers that are the service's own */
const [OK, INVALID_ARGUMENT, FAILED_PRECONDITION] = ['0', '3', '9'];
/** what gRPC libraries answer to what is no message (grpc-go: "error unmarshalling request") */
const INTERNAL = '13';

describe('Certify over the wire', () => {
  let server: GrpcServer;
  let session: ClientHttp2Session;
  /** what was logged as a failure that nobody meant */
  const errors: unknown[] = [];

  before(async () => {
    const mesh = await testMesh();
    const log = Object.assign(silentLog(), { error: (fields: unknown) => void errors.push(fields) });
    const certify = certifier({
      config: testConfig, issuer: { usable: () => ({ authority: mesh.authority }) }, clock: systemClock, log,
      review: (token) => (Buffer.from(token).toString() === TOKEN ? Promise.resolve({ namespace: 'default', name: 'web', uid: 'u' }) : Promise.reject(new TokenRefused('no'))),
      metrics: { certified: () => undefined, reviewed: () => undefined }, events: { record: () => undefined },
    });
    server = await serveGrpc({ host: '127.0.0.1', port: 0, identity: await mesh.identity(SELF), log, clock: systemClock, routes: (router) => router.service(Identity, { certify: (request, context) => certify(request, context) }) });
    session = connectHttp2(`https://${SELF}`, {
      createConnection: () => connectTls({ host: '127.0.0.1', port: server.port, servername: SELF, ca: mesh.root.certificate, checkServerIdentity: () => undefined, ALPNProtocols: ['h2'] }),
    });
  });
  after(async () => {
    session.destroy();
    await server.stop();
  });

  /** The gRPC status of the answer to these octets; 'reset' for a stream that was ended without one. */
  const send = (body: Uint8Array): Promise<string> => new Promise((resolve) => {
    const stream = session.request({ ':method': 'POST', ':path': METHODS.Identity_Certify, 'content-type': 'application/grpc', te: 'trailers' });
    let status: unknown;
    stream.on('response', (headers) => { status ??= headers['grpc-status']; });
    stream.on('trailers', (headers) => { status ??= headers['grpc-status']; });
    stream.on('error', () => undefined);
    stream.once('close', () => resolve(typeof status === 'string' ? status : 'reset'));
    stream.resume();
    stream.end(body);
  });

  it('answers whatever octets come, by the reference\'s codes, and goes on', async function () {
    this.timeout(60_000);
    assert.equal(await send(frame(GOOD)), OK);
    const edited = fc.array(fc.tuple(fc.nat(GOOD.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }).map((edits) => {
      const copy = Buffer.from(GOOD);
      for (const [at, octet] of edits) copy[at] = octet;
      return copy;
    });
    const cut = fc.nat(GOOD.length).map((length) => Buffer.from(GOOD.subarray(0, length)));
    const messages = fc.oneof(edited, cut, fc.uint8Array({ maxLength: 300 }).map((octets) => Buffer.from(octets)));
    await fc.assert(fc.asyncProperty(messages, async (message) => {
      const status = await send(frame(message));
      if (!message.equals(GOOD)) assert.ok([INVALID_ARGUMENT, FAILED_PRECONDITION, OK, INTERNAL].includes(status), `${status} for ${message.toString('hex')}`);
    }), { numRuns: 300 });
    const frames = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.tuple(fc.nat(255), fc.nat(0xff_ff_ff)).map(([flags, length]) => {
      const head = Buffer.alloc(5);
      head[0] = flags;
      head.writeUInt32BE(length, 1);
      return Buffer.concat([head, GOOD]);
    }));
    await fc.assert(fc.asyncProperty(frames, async (octets) => assert.notEqual(await send(octets), OK)), { numRuns: 150 });
    assert.equal(await send(frame(GOOD)), OK);
    assert.deepEqual(errors, []);
  });
});
