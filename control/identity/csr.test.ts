import 'reflect-metadata';
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import * as fc from 'fast-check';
import { Pkcs10CertificateRequestGenerator, SubjectAlternativeNameExtension, type JsonGeneralNames } from '@peculiar/x509';
import { createCsr } from '../../lib/pki/csr.ts';
import { generateKeys } from '../../lib/pki/keys.ts';
import { openssl } from '../../lib/pki/openssl.testkit.ts';
import { checkCsr, CsrRefused, MalformedCsr } from './csr.ts';

const NAME = 'web.default.serviceaccount.identity.mesh-system.cluster.local';
const SPIFFE = 'spiffe://cluster.local/ns/default/sa/web';
const keys = generateKeys();

/** A request made by openssl, so by code that is not ours. */
async function byOpenssl(algorithm: string[], subject: string, san: string | null): Promise<Buffer> {
  const pem = await openssl(['req', '-new', '-nodes', '-keyout', 'key', ...algorithm, '-subj', subject, ...(san === null ? [] : ['-addext', `subjectAltName=${san}`])], {});
  return Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
}
const P256 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];

const refused = (der: Uint8Array, message: RegExp) => assert.rejects(checkCsr(der, NAME, SPIFFE), { name: 'CsrRefused', message });
const malformed = (der: Uint8Array) => assert.rejects(checkCsr(der, NAME, SPIFFE), { name: 'MalformedCsr' });

async function withNames(names: JsonGeneralNames, subject = ''): Promise<Buffer> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const pair = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const request = await Pkcs10CertificateRequestGenerator.create({ name: subject, keys: pair, signingAlgorithm: algorithm, extensions: [new SubjectAlternativeNameExtension(names)] });
  return Buffer.from(request.rawData);
}

describe('rules for certificate requests', () => {
  it('our own requests pass, with the SPIFFE ID and without, and give their key', async () => {
    for (const csr of [createCsr(keys.privateKey, NAME), createCsr(keys.privateKey, NAME, SPIFFE)]) {
      assert.ok((await checkCsr(csr, NAME, SPIFFE)).equals(keys.publicKey));
    }
  });

  it('requests of openssl pass, with the identity as common name (as stock proxies write it) or without one', async () => {
    for (const subject of ['/', `/CN=${NAME}`]) await checkCsr(await byOpenssl(P256, subject, `DNS:${NAME}`), NAME, SPIFFE);
  });

  it('names other than the identity are refused', async () => {
    await refused(await byOpenssl(P256, '/CN=admin', `DNS:${NAME}`), /common name/);
    await refused(await byOpenssl(P256, '/', 'DNS:admin'), /only DNS name/);
    await refused(await byOpenssl(P256, '/', `DNS:${NAME},DNS:admin`), /only DNS name/);
    await refused(await byOpenssl(P256, '/', `DNS:${NAME},DNS:${NAME}`), /only DNS name/);
    await refused(await byOpenssl(P256, '/', SPIFFE.replace('spiffe', 'URI:spiffe')), /only DNS name/);
    await refused(await byOpenssl(P256, '/', `DNS:${NAME},URI:spiffe://cluster.local/ns/default/sa/admin`), /only URI/);
    await refused(await byOpenssl(P256, '/', `DNS:${NAME},URI:${SPIFFE},URI:${SPIFFE}`), /only URI/);
    await refused(await byOpenssl(P256, '/', `DNS:${NAME},IP:10.0.0.1`), /other types/);
    await refused(await byOpenssl(P256, '/', `DNS:${NAME},email:a@b.c`), /other types/);
    await refused(await withNames([{ type: 'dns', value: NAME }, { type: 'dn', value: 'CN=x' }]), /other types/);
    await refused(await byOpenssl(P256, '/', null), /subject alternative name/);
    await refused(createCsr(keys.privateKey, NAME.toUpperCase()), /only DNS name/);
    await refused(createCsr(keys.privateKey, `${NAME}\0.evil`), /only DNS name/);
  });

  it('keys other than P-256 are refused', async () => {
    await refused(await byOpenssl(['-newkey', 'rsa:2048'], '/', `DNS:${NAME}`), /P-256/);
    await refused(await byOpenssl(['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp384r1'], '/', `DNS:${NAME}`), /P-256/);
    await refused(await byOpenssl(['-newkey', 'ed25519'], '/', `DNS:${NAME}`), /P-256/);
    await refused(await byOpenssl([...P256, '-pkeyopt', 'ec_param_enc:explicit'], '/', `DNS:${NAME}`), /P-256/);
  });

  it('a request signed by another key is refused', async () => {
    const good = createCsr(keys.privateKey, NAME);
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'der' });
    const own = keys.publicKey.export({ type: 'spki', format: 'der' });
    const swapped = Buffer.from(good);
    other.copy(swapped, swapped.indexOf(own));
    await refused(swapped, /signature/);
  });

  it('what is no request is malformed', async () => {
    const good = createCsr(keys.privateKey, NAME);
    await malformed(Buffer.alloc(0));
    await malformed(Buffer.from('-----BEGIN CERTIFICATE REQUEST-----'));
    await malformed(good.subarray(0, good.length - 1));
    await malformed(Buffer.concat([good, Buffer.of(0)]));
    await malformed(Buffer.alloc(9000, 0x30));
  });

  it('damaged requests and random bytes are refused or malformed, and nothing else', async () => {
    const good = createCsr(keys.privateKey, NAME, SPIFFE);
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.uint8Array({ maxLength: 120 }).map((body) => Buffer.concat([Buffer.from([0x30, body.length]), body])),
      fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 }).map((edits) => {
        const damaged = Buffer.from(good);
        for (const [at, b] of edits) damaged[at] = b;
        return damaged;
      }),
    );
    await fc.assert(fc.asyncProperty(bytes, async (der) => {
      if (Buffer.from(der).equals(good)) return;
      await assert.rejects(checkCsr(der, NAME, SPIFFE), (e) => e instanceof CsrRefused || e instanceof MalformedCsr);
    }), { numRuns: 2000 });
  });

  it('no list of names passes but the one', async () => {
    const name = fc.constantFrom<JsonGeneralNames[number]>(
      { type: 'dns', value: NAME }, { type: 'url', value: SPIFFE }, { type: 'dns', value: 'x' }, { type: 'url', value: 'spiffe://x' }, { type: 'email', value: 'a@b' }, { type: 'ip', value: '10.0.0.1' },
    );
    await fc.assert(fc.asyncProperty(fc.array(name, { minLength: 1, maxLength: 4 }), async (names) => {
      const kinds = names.map((n) => n.value);
      const good = kinds.filter((k) => k === NAME).length === 1 && kinds.filter((k) => k === SPIFFE).length === kinds.length - 1 && kinds.length <= 2;
      const checked = checkCsr(await withNames(names), NAME, SPIFFE);
      if (good) await checked;
      else await assert.rejects(checked, { name: 'CsrRefused' });
    }), { numRuns: 60 });
  });
});
