import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import 'reflect-metadata';
import { Pkcs10CertificateRequest, SubjectAlternativeNameExtension } from '@peculiar/x509';
import { createCsr } from './csr.ts';
import { generateKeys } from './keys.ts';
import { openssl } from './openssl.testkit.ts';

const keys = generateKeys();

describe('certificate request', () => {
  it('is one that openssl verifies, with the names asked for', async () => {
    const csr = createCsr(keys.privateKey, 'web.default.serviceaccount.identity.mesh-system.cluster.local', 'spiffe://cluster.local/ns/default/sa/web');
    const text = await openssl(['req', '-inform', 'der', '-in', 'csr', '-verify', '-noout', '-text', '-out', 'out'], { csr });
    assert.equal(text, '');
    const printed = await openssl(['req', '-inform', 'der', '-in', 'csr', '-noout', '-text'], { csr });
    assert.match(printed, /DNS:web\.default\.serviceaccount\.identity\.mesh-system\.cluster\.local, URI:spiffe:\/\/cluster\.local\/ns\/default\/sa\/web/);
    assert.match(printed, /NIST CURVE: P-256/);
    assert.match(printed, /Subject: *\n/);
  });

  it('leaves the URI out when there is none, for names of any length', async () => {
    const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
    await fc.assert(fc.asyncProperty(fc.array(label, { minLength: 1, maxLength: 12 }).map((l) => l.join('.')), async (name) => {
      const request = new Pkcs10CertificateRequest(createCsr(keys.privateKey, name));
      assert.equal(await request.verify(), true);
      const san = request.extensions.find((e) => e instanceof SubjectAlternativeNameExtension);
      assert.deepEqual(san?.names.toJSON(), [{ type: 'dns', value: name }]);
    }), { numRuns: 50 });
  });
});
