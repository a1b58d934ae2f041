import assert from 'node:assert/strict';
import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { CertifyRequestSchema } from '../../api/gen/identity_pb.js';
import { ManualClock } from '../../lib/clock.ts';
import { silentLog } from '../../lib/log.ts';
import { createCsr } from '../../lib/pki/csr.ts';
import { generateKeys } from '../../lib/pki/keys.ts';
import { testConfig } from '../serve/testing/config.ts';
import { testMesh, until } from '../serve/testing/mesh.ts';
import { certifier } from './certify.ts';
import type { Account } from './token-review.ts';

const WEB = 'web.default.serviceaccount.identity.mesh-system.cluster.local';
const csr = createCsr(generateKeys().privateKey, WEB);
const request = create(CertifyRequestSchema, { identity: WEB, token: Buffer.from('a.b.c'), certificateSigningRequest: csr });
const mesh = await testMesh();

describe('Certify', () => {
  const counted: string[] = [];
  const make = (review: () => Promise<Account>, usable: () => ReturnType<Parameters<typeof certifier>[0]['issuer']['usable']> = () => ({ authority: mesh.authority })) => {
    counted.length = 0;
    const certify = certifier({
      config: testConfig, issuer: { usable }, review, clock: new ManualClock(Date.now()), log: silentLog(),
      metrics: { certified: (code) => void counted.push(code), reviewed: () => undefined },
      events: { record: () => undefined },
    });
    return () => certify(request, { signal: new AbortController().signal });
  };
  const code = (expected: Code) => (e: unknown): boolean => e instanceof ConnectError && e.code === expected;

  it('does not let strangers drown the API server: reviews at once are bounded', async () => {
    const waiting: ((account: Account) => void)[] = [];
    const certify = make(() => new Promise((resolve) => { waiting.push(resolve); }));
    const first = Array.from({ length: 64 }, certify);
    await until(() => waiting.length === 64);
    await assert.rejects(certify(), code(Code.Unavailable));
    for (const resolve of waiting.splice(0)) resolve({ namespace: 'default', name: 'web', uid: '' });
    await Promise.all(first);
    const again = certify();
    await until(() => waiting.length === 1);
    waiting[0]!({ namespace: 'default', name: 'web', uid: '' });
    await again;
    assert.deepEqual([counted.filter((c) => c === 'ok').length, counted.filter((c) => c === 'unavailable').length], [65, 1]);
  });

  it('is unavailable, with the reason, without a usable issuer, and asks nobody', async () => {
    const certify = make(() => assert.fail('no review'), () => ({ reason: 'cert issuer not ready yet' }));
    await assert.rejects(certify(), (e) => code(Code.Unavailable)(e) && (e as ConnectError).rawMessage === 'cert issuer not ready yet');
  });

  it('keeps to itself why signing failed', async () => {
    const broken = { issue: () => Promise.reject(new Error('a secret')) } as unknown as typeof mesh.authority;
    const certify = make(() => Promise.resolve({ namespace: 'default', name: 'web', uid: '' }), () => ({ authority: broken }));
    await assert.rejects(certify(), (e) => code(Code.Internal)(e) && (e as ConnectError).rawMessage === 'signing failed');
    assert.deepEqual(counted, ['internal']);
  });
});
