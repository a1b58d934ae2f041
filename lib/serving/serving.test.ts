import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { issueServing } from './issue.ts';
import { isFit, mergeAuthorities, readStored, renewalTime, writeStored } from './secret.ts';

const DAY = 86_400_000;
const NAMES = ['mesh-webhook.mesh-system.svc', 'mesh-api.mesh-system.svc'];
const identity = { name: 'mesh-serving-tls', namespace: 'mesh-system', labels: {} };

describe('serving certificate', () => {
  it('is accepted by a TLS client that trusts its authority, for each of its names and no other', async () => {
    const pair = await issueServing(NAMES, Date.now(), 90 * DAY);
    const server = createServer({ cert: pair.cert, key: pair.key }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    try {
      for (const servername of [...NAMES, 'other.mesh-system.svc']) {
        const socket = connect({ port, host: '127.0.0.1', ca: pair.ca, servername });
        const outcome = await new Promise<string>((resolve) => {
          socket.once('secureConnect', () => resolve('accepted')).once('error', (e: NodeJS.ErrnoException) => resolve(e.code ?? e.message));
        });
        socket.destroy();
        assert.equal(outcome, NAMES.includes(servername) ? 'accepted' : 'ERR_TLS_CERT_ALTNAME_INVALID');
      }
    } finally {
      server.close();
    }
  });

  it('survives the Secret and is renewed at two thirds of its life', async () => {
    const now = Date.UTC(2030, 0, 1);
    const pair = await issueServing(NAMES, now, 90 * DAY);
    const stored = readStored(writeStored(identity, pair));
    assert.deepEqual(stored, pair);
    assert.ok(Math.abs(renewalTime(pair.cert) - (now + 60 * DAY)) < DAY);
    assert.equal(isFit(pair, NAMES, now), true);
    assert.equal(isFit(pair, NAMES, now + 61 * DAY), false);
    assert.equal(isFit(pair, [...NAMES, 'new.mesh-system.svc'], now), false);
  });

  it('a Secret whose parts do not belong together counts as none', async () => {
    const [a, b] = await Promise.all([issueServing(NAMES, Date.now(), DAY), issueServing(NAMES, Date.now(), DAY)]);
    assert.equal(readStored(writeStored(identity, { ...a, key: b.key })), null);
    assert.equal(readStored(writeStored(identity, { ...a, ca: b.ca })), null);
    assert.equal(readStored(writeStored(identity, { ...a, cert: 'x' })), null);
    assert.equal(readStored({ metadata: { name: 'x' } }), null);
  });

  it('callers go on trusting the authority before, until it has expired', async () => {
    const now = Date.UTC(2030, 0, 1);
    const old = await issueServing(NAMES, now, 90 * DAY);
    const fresh = await issueServing(NAMES, now + 60 * DAY, 90 * DAY);
    const subjects = (bundle: string): string[] => bundle.split(/(?<=-----END CERTIFICATE-----)\n/).filter((p) => p !== '').map((p) => new X509Certificate(p).serialNumber);
    const both = mergeAuthorities(fresh.ca, old.ca, now + 60 * DAY);
    assert.deepEqual(subjects(both), subjects(fresh.ca + old.ca));
    assert.deepEqual(subjects(mergeAuthorities(fresh.ca, both, now + 100 * DAY)), subjects(fresh.ca));
  });
});
