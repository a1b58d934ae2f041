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
import { rawCall, spoiled, spoiledFrames } from '../serve/testing/raw-call.ts';
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

  const send = (body: Uint8Array): Promise<string> => rawCall(session, METHODS.Identity_Certify, body);

  it('answers whatever octets come, by the reference\'s codes, and goes on', async function () {
    this.timeout(60_000);
    assert.equal(await send(frame(GOOD)), OK);
    await fc.assert(fc.asyncProperty(spoiled(GOOD), async (message) => {
      const status = await send(frame(message));
      if (!message.equals(GOOD)) assert.ok([INVALID_ARGUMENT, FAILED_PRECONDITION, OK, INTERNAL].includes(status), `${status} for ${message.toString('hex')}`);
    }), { numRuns: 300 });
    await fc.assert(fc.asyncProperty(spoiledFrames(GOOD), async (octets) => assert.notEqual(await send(octets), OK)), { numRuns: 150 });
    assert.equal(await send(frame(GOOD)), OK);
    assert.deepEqual(errors, []);
  });
});
