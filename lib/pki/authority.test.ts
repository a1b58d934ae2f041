import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { Authority, createIssuer, createRoot, crossSign } from './authority.ts';
import { generateKeys } from './keys.ts';
import { parseCertificates, toPem } from './pem.ts';
import { identityOf } from './san.ts';
import { openssl } from './openssl.testkit.ts';

const NOW = Date.UTC(2026, 5, 1, 12, 0, 0, 500);
const DAY = 86_400_000;
const NAME = 'web.default.serviceaccount.identity.mesh-system.cluster.local';
const SPIFFE = 'spiffe://cluster.local/ns/default/sa/web';
const AT = ['-attime', String(Math.floor(NOW / 1000))];

const root = await createRoot({ commonName: 'root.mesh-system.cluster.local', days: 3650, now: NOW });
const issuer = await createIssuer(root, { commonName: 'identity.mesh-system.cluster.local', days: 365, now: NOW });
const leafOf = (authority: Authority, now = NOW) => authority.issue({
  publicKey: generateKeys().publicKey, dnsNames: [NAME], uris: [SPIFFE], lifetimeSeconds: 86400, skewSeconds: 20, now,
});

describe('certificate authority', () => {
  it('makes leaves that openssl verifies up to the root, with the DNS name first', async () => {
    const leaf = await leafOf(await Authority.load(issuer, root.certificate, NOW));
    const files = { 'root.pem': root.certificate, 'issuer.pem': issuer.certificate, 'leaf.pem': toPem(leaf.der) };
    for (const purpose of ['sslserver', 'sslclient']) {
      assert.equal(await openssl(['verify', '-x509_strict', '-purpose', purpose, ...AT, '-CAfile', 'root.pem', '-untrusted', 'issuer.pem', 'leaf.pem'], files), 'leaf.pem: OK\n');
    }
    const certificate = new X509Certificate(leaf.der);
    assert.equal(certificate.subjectAltName, `DNS:${NAME}, URI:${SPIFFE}`);
    assert.equal(identityOf(certificate), NAME);
    assert.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
    assert.equal(certificate.ca, false);
  });

  it('allows for clock skew on both ends, and says the exact end', async () => {
    const leaf = await leafOf(await Authority.load(issuer, root.certificate, NOW));
    const certificate = new X509Certificate(leaf.der);
    assert.equal(certificate.validFromDate.getTime(), Math.floor((NOW - 20_000) / 1000) * 1000);
    assert.equal(certificate.validToDate.getTime(), leaf.notAfter);
    assert.equal(leaf.notAfter, Math.floor((NOW + DAY + 20_000) / 1000) * 1000);
  });

  it('never lets a leaf outlive the chain above it', async () => {
    const authority = await Authority.load(issuer, root.certificate, NOW);
    const late = NOW + 365 * DAY - 3_600_000;
    const leaf = await leafOf(authority, late);
    assert.equal(leaf.notAfter, parseCertificates(issuer.certificate, 'issuer')[0]!.validToDate.getTime());
  });

  it('ends an issuer with its root', async () => {
    const short = await createIssuer(root, { commonName: 'x', days: 10_000, now: NOW });
    const [a, b] = [short, root].map((p) => parseCertificates(p.certificate, 'it')[0]!.validTo);
    assert.equal(a, b);
  });

  it('signs with P-384 too, and writes dates from 2050 on', async () => {
    const key = await openssl(['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:secp384r1'], {});
    const certificate = await openssl(['req', '-x509', '-new', '-key', 'key', '-subj', '/CN=given', '-days', '14600', '-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign'], { key });
    const given = { certificate, key };
    for (const now of [Date.now() + DAY, Date.UTC(2049, 11, 31, 23, 50), Date.UTC(2055, 0, 1)]) {
      const leaf = await leafOf(await Authority.load(given, given.certificate, now), now);
      const at = ['-attime', String(Math.floor(now / 1000))];
      assert.equal(await openssl(['verify', '-x509_strict', ...at, '-CAfile', 'root', 'leaf'], { root: given.certificate, leaf: toPem(leaf.der) }), 'leaf: OK\n');
      assert.equal(new X509Certificate(leaf.der).validToDate.getTime(), leaf.notAfter);
    }
  });

  it('gives serial numbers of their own', async () => {
    const authority = await Authority.load(issuer, root.certificate, NOW);
    const serials = await Promise.all(Array.from({ length: 20 }, async () => new X509Certificate((await leafOf(authority)).der).serialNumber));
    assert.equal(new Set(serials).size, 20);
    for (const s of serials) assert.equal(s.length, 32);
  });

  it('takes an issuer that is itself the anchor, and one with an intermediate between', async () => {
    const self = await Authority.load(root, root.certificate, NOW);
    assert.equal(self.intermediates.length, 1);
    const upper = await createIssuer(root, { commonName: 'upper', days: 100, now: NOW, pathLength: 1 });
    const lower = await createIssuer(upper, { commonName: 'lower', days: 50, now: NOW });
    const chained = await Authority.load({ ...lower, certificate: lower.certificate + upper.certificate }, root.certificate, NOW);
    assert.equal(chained.intermediates.length, 2);
    assert.equal(chained.notAfter, parseCertificates(lower.certificate, 'lower')[0]!.validToDate.getTime());
  });

  it('makes leaves that openssl verifies under an issuer whose key identifier was made in another way than ours', async () => {
    // As cert-manager's: not the SHA-1 of the key (RFC 7093).
    const identifier = await openssl(['req', '-x509', '-new', '-config', 'config', '-key', 'issuer.key', '-CA', 'root.pem', '-CAkey', 'root.key', '-subj', '/CN=issuer', '-days', '365'], {
      'issuer.key': issuer.key, 'root.pem': root.certificate, 'root.key': root.key,
      config: '[req]\ndistinguished_name=dn\nx509_extensions=ca\n[dn]\n[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=0092B969548DB5D0B2F00940B159470C18DEB27D\n',
    });
    const now = parseCertificates(identifier, 'the issuer')[0]!.validFromDate.getTime() + 1000;
    const leaf = await leafOf(await Authority.load({ ...issuer, certificate: identifier }, root.certificate, now), now);
    const files = { root: root.certificate, issuer: identifier, leaf: toPem(leaf.der) };
    assert.equal(await openssl(['verify', '-x509_strict', '-attime', String(now / 1000), '-CAfile', 'root', '-untrusted', 'issuer', 'leaf'], files), 'leaf: OK\n');
  });

  it('bridges two roots: who trusts either of them verifies what the new one signed', async () => {
    const next = await createRoot({ commonName: 'root.mesh-system.cluster.local', unit: '2', days: 3650, now: NOW });
    const under = await createIssuer(next, { commonName: 'identity', unit: '2', days: 365, now: NOW });
    const cross = await crossSign(next.certificate, root, NOW);
    const authority = await Authority.load({ ...under, certificate: under.certificate + cross }, root.certificate + next.certificate, NOW);
    assert.equal(authority.intermediates.length, 2);
    const leaf = await leafOf(authority);
    const files = { old: root.certificate, new: next.certificate, both: root.certificate + next.certificate, chain: authority.intermediates.map(toPem).join(''), leaf: toPem(leaf.der) };
    for (const anchors of ['old', 'new', 'both']) {
      assert.equal(await openssl(['verify', '-x509_strict', ...AT, '-CAfile', anchors, '-untrusted', 'chain', 'leaf'], files), 'leaf: OK\n', anchors);
    }
    const bridged = await Authority.load({ ...under, certificate: under.certificate + cross }, root.certificate, NOW);
    assert.equal(bridged.intermediates.length, 2, 'an issuer may lead to its anchor by the cross-certificate alone');
    const [crossed, own] = [cross, root.certificate].map((pem) => parseCertificates(pem, 'it')[0]!.validTo);
    assert.equal(crossed, own);
  });

  it('trusts any of several anchors', async () => {
    const other = await createRoot({ commonName: 'other', days: 10, now: NOW });
    const authority = await Authority.load(issuer, other.certificate + root.certificate, NOW);
    assert.equal(authority.intermediates.length, 1);
  });

  it('refuses in words what it cannot sign with', async () => {
    const other = await createRoot({ commonName: 'root.mesh-system.cluster.local', days: 10, now: NOW });
    const refused = (pair: { certificate: string; key: string }, anchors: string, message: RegExp, now = NOW) => assert.rejects(Authority.load(pair, anchors, now), { message });
    const below = await createIssuer(issuer, { commonName: 'below', days: 50, now: NOW });
    await refused({ ...below, certificate: below.certificate + issuer.certificate }, root.certificate, /path length/);
    await refused({ ...issuer, key: other.key }, root.certificate, /does not belong/);
    await refused(issuer, other.certificate, /no valid path/);
    await refused(issuer, root.certificate, /expired/, NOW + 366 * DAY);
    await refused(issuer, root.certificate, /no valid path/, NOW - DAY);
    await refused({ ...issuer, certificate: '' }, root.certificate, /no PEM certificate/);
    await refused({ ...issuer, key: 'x' }, root.certificate, /not an unencrypted private key/);
    await refused(issuer, '', /trust anchor bundle has no PEM/);
    const keys = generateKeys();
    const ownLeaf = await (await Authority.load(issuer, root.certificate, NOW)).issue({ publicKey: keys.publicKey, dnsNames: ['a'], lifetimeSeconds: 60, skewSeconds: 0, now: NOW });
    await refused({ certificate: toPem(ownLeaf.der), key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() }, root.certificate, /not a CA/);
  });
});
