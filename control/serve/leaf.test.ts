import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ManualClock } from '../../lib/clock.ts';
import { silentLog } from '../../lib/log.ts';
import { generateKeys } from '../../lib/pki/keys.ts';
import { inTemporaryFolder } from '../../lib/pki/openssl.testkit.ts';
import { tokenOf } from '../identity/testing/token-api.ts';
import type { Certified, CertifyCall } from './certify.ts';
import type { Credentials } from './credentials.ts';
import { POLL_MS } from './files.ts';
import { identityOfToken, meshIdentity } from './leaf.ts';
import { renewAfter } from './renewal.ts';
import { testConfig, testEnv } from './testing/config.ts';
import { testMesh, until, type TestMesh } from './testing/mesh.ts';

const CONTROL = 'mesh-control.mesh-system.serviceaccount.identity.mesh-system.cluster.local';
const HOUR = 3_600_000;

describe('certificate of a control service', () => {
  let mesh: TestMesh;
  let clock: ManualClock;
  let calls: CertifyCall[];
  let failures: Error[];
  before(async () => { mesh = await testMesh(); });
  beforeEach(() => {
    clock = new ManualClock(Date.now());
    calls = [];
    failures = [];
  });

  const call = async (given: CertifyCall): Promise<Certified> => {
    calls.push(given);
    const failure = failures.shift();
    if (failure) throw failure;
    const leaf = await mesh.authority.issue({ publicKey: createPublicKey(generateKeys().privateKey), dnsNames: [given.identity], lifetimeSeconds: 3600, skewSeconds: 0, now: clock.wall() });
    return { leaf: leaf.der, intermediates: [...mesh.authority.intermediates], validUntil: leaf.notAfter };
  };
  const inPod = (body: (identity: ReturnType<typeof meshIdentity>, dir: string, changes: Credentials[]) => Promise<void>): Promise<void> => inTemporaryFolder(async (dir) => {
    writeFileSync(join(dir, 'token'), tokenOf('mesh-system', 'mesh-control'));
    writeFileSync(join(dir, 'anchors'), mesh.root.certificate);
    const env = testEnv({ tokenFile: join(dir, 'token'), anchorsFile: join(dir, 'anchors') });
    const identity = meshIdentity(env, { config: testConfig, log: silentLog(), clock, random: () => 0, call });
    const changes: Credentials[] = [];
    identity.onChange((c) => changes.push(c));
    try {
      await body(identity, dir, changes);
    } finally {
      identity.stop();
    }
  });

  it('is asked of mesh-identity by name, for the account of the token', () => inPod(async (identity) => {
    await identity.ready;
    const [first] = calls;
    assert.equal(first?.address, 'mesh-identity.mesh-system.svc.cluster.local:8080');
    assert.equal(first?.serverName, 'mesh-identity.mesh-system.serviceaccount.identity.mesh-system.cluster.local');
    assert.equal(first?.identity, CONTROL);
    const current = identity.current();
    assert.equal(current?.name, CONTROL);
    assert.equal(current?.anchors, mesh.root.certificate);
    assert.equal(current?.chain.match(/BEGIN/g)?.length, 2);
  }));

  it('is renewed at 70 % of its life, with the token as it is then and a new key', () => inPod(async (identity, dir, changes) => {
    await identity.ready;
    const before = identity.current();
    writeFileSync(join(dir, 'token'), `${tokenOf('mesh-system', 'mesh-control')}x`);
    clock.advance(0.69 * HOUR);
    assert.equal(calls.length, 1);
    clock.advance(0.02 * HOUR);
    await until(() => changes.length === 1);
    assert.match(Buffer.from(calls[1]!.token).toString(), /x$/);
    assert.notEqual(identity.current()?.keyPem, before?.keyPem);
  }));

  it('outlives an identity service that is away: retries with growing pauses, and keeps the last one', () => inPod(async (identity, _dir, changes) => {
    await identity.ready;
    const before = identity.current();
    failures.push(...Array.from({ length: 4 }, () => new Error('UNAVAILABLE: away')));
    clock.advance(0.71 * HOUR);
    for (let n = 2; n <= 6; n++) {
      await until(() => {
        clock.advance(5000);
        return calls.length >= n;
      });
    }
    await until(() => changes.length === 1);
    assert.notEqual(identity.current()?.chain, before?.chain);
  }));

  it('takes new trust anchors from their mount and renews under them, and refuses a broken bundle', () => inPod(async (identity, dir, changes) => {
    await identity.ready;
    const both = mesh.root.certificate + (await testMesh()).root.certificate;
    writeFileSync(join(dir, 'anchors'), 'not PEM');
    clock.advance(POLL_MS);
    await new Promise((resolve) => { setTimeout(resolve, 50); });
    writeFileSync(join(dir, 'anchors'), both);
    await until(() => {
      clock.advance(POLL_MS);
      return changes.length > 0;
    });
    assert.equal(identity.current()?.anchors, both);
    await until(() => calls.length === 2 && changes.length === 2);
    assert.equal(identity.current()?.anchors, both);
  }));

  it('names nobody by a token of another kind', () => {
    for (const token of ['', 'x', 'a.b.c', `a.${Buffer.from('{"sub":"system:node:n"}').toString('base64url')}.c`, `a.${Buffer.from('null').toString('base64url')}.c`]) {
      assert.throws(() => identityOfToken(token, testConfig));
    }
  });

  it('renewal is never a busy loop and never later than a day', () => {
    assert.equal(renewAfter(0, 1000, 0), 10_000);
    assert.equal(renewAfter(5000, 0, 0), 10_000);
    assert.equal(renewAfter(0, 100 * 24 * HOUR, 0), 24 * HOUR);
    assert.equal(renewAfter(0, 10 * HOUR, 0), 7 * HOUR);
    assert.equal(Math.round(renewAfter(0, 10 * HOUR, 1)), 6.65 * HOUR);
  });
});
