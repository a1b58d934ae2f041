import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

/** A serving certificate with the authority that signed it; all PEM. The authority's key exists only while it is made. */
export interface ServingPair { ca: string; cert: string; key: string }

const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
/** How far clocks of API servers may be behind ours. */
const SKEW_MS = 5 * 60_000;

function serial(): string {
  const bytes = Buffer.from(webcrypto.getRandomValues(new Uint8Array(16)));
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toString('hex');
}

/**
 * A new authority and one leaf signed by it, for a TLS server that nobody but the API server calls: it learns the authority through the
 * caBundle of its configuration. ECDSA P-256.
 *
 * @param now milliseconds since the epoch
 */
export async function issueServing(names: readonly string[], now: number, lifetimeMs: number): Promise<ServingPair> {
  const { subtle } = webcrypto;
  const authority = await subtle.generateKey(EC, false, ['sign', 'verify']);
  const keys = await subtle.generateKey(EC, true, ['sign', 'verify']);
  const notBefore = new Date(now - SKEW_MS);
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: `CN=kubectl-mesh serving ${new Date(now).toISOString()}`,
    notBefore,
    notAfter: new Date(now + lifetimeMs + DAY_MS),
    signingAlgorithm: EC,
    keys: authority,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(authority.publicKey, false),
    ],
  });
  const leaf = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: `CN=${names[0]}`,
    issuer: ca.subject,
    notBefore,
    notAfter: new Date(now + lifetimeMs),
    signingAlgorithm: EC,
    publicKey: keys.publicKey,
    signingKey: authority.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value }))),
      await x509.AuthorityKeyIdentifierExtension.create(ca, false),
    ],
  });
  const key = await subtle.exportKey('pkcs8', keys.privateKey);
  return { ca: `${ca.toString('pem')}\n`, cert: `${leaf.toString('pem')}\n`, key: `${x509.PemConverter.encode(key, 'PRIVATE KEY')}\n` };
}
