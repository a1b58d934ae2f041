import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import * as fc from 'fast-check';
import { Authority, createRoot } from './authority.ts';
import { generateKeys } from './keys.ts';
import { certificatesOf, parseCertificates, toPem } from './pem.ts';
import { identityOf, parseSubjectAltName } from './san.ts';

const NOW = Date.UTC(2026, 0, 1);

describe('PEM', () => {
  it('comes out as it went in, with other text between', () => {
    fc.assert(fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 4 }), (ders) => {
      const text = ders.map((d) => `# comment\n${toPem(d)}\r\n`).join('');
      assert.deepEqual(certificatesOf(text), ders.map((d) => Buffer.from(d)));
    }));
  });

  it('that holds no certificate, or a malformed one, is an error in words', () => {
    assert.throws(() => parseCertificates('', 'the bundle'), { message: 'the bundle has no PEM certificate' });
    assert.throws(() => parseCertificates(toPem(Buffer.from('nonsense')), 'the bundle'), { message: 'certificate 1 of the bundle is malformed' });
  });
});

describe('subject alternative names', () => {
  it('are read from the text of node:crypto, with no way for one name to pose as two', async () => {
    const root = await createRoot({ commonName: 'r', days: 1, now: NOW });
    const authority = await Authority.load(root, root.certificate, NOW);
    const names = async (dnsNames: string[], uris: string[]) => {
      const leaf = await authority.issue({ publicKey: generateKeys().publicKey, dnsNames, uris, lifetimeSeconds: 60, skewSeconds: 0, now: NOW });
      return new X509Certificate(leaf.der);
    };
    const plain = await names(['a.b'], ['spiffe://d/ns/n/sa/s']);
    assert.deepEqual(parseSubjectAltName(plain.subjectAltName), { dns: ['a.b'], uri: ['spiffe://d/ns/n/sa/s'], other: [] });
    assert.equal(identityOf(plain), 'a.b');
    const tricky = await names(['x, DNS:admin'], ['spiffe://d/", DNS:admin']);
    assert.deepEqual(parseSubjectAltName(tricky.subjectAltName).dns, ['x, DNS:admin']);
    assert.equal(identityOf(await names([], ['spiffe://d/x'])), 'spiffe://d/x');
  });

  it('are none in a certificate without', () => {
    assert.deepEqual(parseSubjectAltName(undefined), { dns: [], uri: [], other: [] });
  });
});
