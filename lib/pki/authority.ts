/**
 * Making certificates: root, issuer, leaves. For the control plane and the CLI only; it loads @peculiar/x509 (16 MB), which the proxy does not.
 * Profiles follow RFC 5280 and the SPIFFE X.509-SVID specification; stock linkerd2-proxy (webpki) accepts them.
 */
import 'reflect-metadata';
import { createPublicKey, randomBytes, type KeyObject, type webcrypto, type X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { generateKeys, keyPem, parseKey } from './keys.ts';
import { writeLeaf, type LeafIssuer } from './leaf.ts';
import { parseCertificates } from './pem.ts';
import { notAfter, pathToAnchor } from './verify.ts';

/** PEM certificate and PKCS#8 PEM key. */
export interface PemPair {
  certificate: string;
  key: string;
}

export interface CaOptions {
  commonName: string;
  /** organizational unit: tells certificates with one common name apart, in lists and in chain building by name */
  unit?: string;
  /** fractions count */
  days: number;
  /** milliseconds since the epoch */
  now: number;
}

export interface LeafRequest {
  publicKey: KeyObject;
  /** first SAN */
  dnsNames: readonly string[];
  /** further SANs */
  uris?: readonly string[];
  lifetimeSeconds: number;
  /** how far clocks may be apart: the leaf starts this long ago and ends this much later */
  skewSeconds: number;
  /** milliseconds since the epoch */
  now: number;
}

export interface Leaf {
  der: Buffer;
  /** milliseconds since the epoch */
  notAfter: number;
}

const DAY_MS = 86_400_000;
/** Certificates are made a little into the past, for nodes whose clocks are behind. */
export const CA_SKEW_MS = 60_000;
const ALGORITHMS: Record<string, { name: 'ECDSA'; namedCurve: string; hash: string }> = {
  prime256v1: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  secp384r1: { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
};

/** Random, positive, 16 bytes: unique without anyone keeping count (RFC 5280 4.1.2.2 allows 20). */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toString('hex');
}

function algorithmOf(key: KeyObject, what: string): (typeof ALGORITHMS)[string] {
  const algorithm = ALGORITHMS[key.asymmetricKeyDetails?.namedCurve ?? ''];
  if (!algorithm) throw new Error(`${what} is ${key.asymmetricKeyType} ${key.asymmetricKeyDetails?.namedCurve ?? ''}; proxies verify ECDSA on P-256 or P-384`);
  return algorithm;
}

async function signingKey(key: KeyObject, what: string): Promise<webcrypto.CryptoKey> {
  const der = key.export({ type: 'pkcs8', format: 'der' });
  return crypto.subtle.importKey('pkcs8', der, algorithmOf(key, what), false, ['sign']);
}

async function caExtensions(publicKey: x509.PublicKey, pathLength: number | undefined): Promise<x509.Extension[]> {
  return [
    new x509.BasicConstraintsExtension(true, pathLength, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    await x509.SubjectKeyIdentifierExtension.create(publicKey),
  ];
}

/**
 * Names the key of the certificate above by that one's own identifier, however it was made: OpenSSL refuses a pair that differs, and only some authorities hash the
 * key with SHA-1 (RFC 5280 4.2.1.1, RFC 7093).
 */
function authorityKeyIdentifier(above: x509.X509Certificate): Promise<x509.AuthorityKeyIdentifierExtension> {
  const own = above.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId;
  return own === undefined ? x509.AuthorityKeyIdentifierExtension.create(above.publicKey) : Promise.resolve(new x509.AuthorityKeyIdentifierExtension(own));
}

function publicHalf(key: KeyObject): x509.PublicKey {
  return new x509.PublicKey(createPublicKey(key).export({ type: 'spki', format: 'der' }));
}

function nameOf({ commonName, unit }: CaOptions): x509.JsonName {
  return [{ CN: [commonName] }, ...(unit === undefined ? [] : [{ OU: [unit] }])];
}

/** A self-signed P-256 CA: the trust anchor of the mesh. */
export async function createRoot(options: CaOptions): Promise<PemPair> {
  const { privateKey } = generateKeys();
  const publicKey = publicHalf(privateKey);
  const key = await signingKey(privateKey, 'the new key');
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: nameOf(options),
    issuer: nameOf(options),
    notBefore: new Date(options.now - CA_SKEW_MS),
    notAfter: new Date(options.now + options.days * DAY_MS),
    signingAlgorithm: algorithmOf(privateKey, 'the new key'),
    publicKey,
    signingKey: key,
    extensions: await caExtensions(publicKey, undefined),
  });
  return { certificate: `${certificate.toString('pem')}\n`, key: keyPem(privateKey) };
}

/** An intermediate CA under `parent` with room for `pathLength` CAs below it: by default it may sign leaves only. It ends with its parent, if that is sooner. */
export async function createIssuer(parent: PemPair, options: CaOptions & { pathLength?: number }): Promise<PemPair> {
  const [parentCertificate] = parseCertificates(parent.certificate, 'the parent certificate') as [X509Certificate];
  const parentKey = parseKey(parent.key, 'the parent key');
  const { privateKey } = generateKeys();
  const publicKey = publicHalf(privateKey);
  const issuer = new x509.X509Certificate(parentCertificate.raw);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: nameOf(options),
    issuer: issuer.subjectName,
    notBefore: new Date(options.now - CA_SKEW_MS),
    notAfter: new Date(Math.min(options.now + options.days * DAY_MS, notAfter(parentCertificate))),
    signingAlgorithm: algorithmOf(parentKey, 'the parent key'),
    publicKey,
    signingKey: await signingKey(parentKey, 'the parent key'),
    extensions: [...await caExtensions(publicKey, options.pathLength ?? 0), await authorityKeyIdentifier(issuer)],
  });
  return { certificate: `${certificate.toString('pem')}\n`, key: keyPem(privateKey) };
}

/**
 * The name and key of `root` (PEM), vouched for by another root: who trusts only `signer` can verify what `root` signed (RFC 4158 2.4.2, cross-certificates).
 * It ends with the first of the two.
 */
export async function crossSign(root: string, signer: PemPair, now: number): Promise<string> {
  const [signerCertificate] = parseCertificates(signer.certificate, 'the signing root') as [X509Certificate];
  const [rootCertificate] = parseCertificates(root, 'the new root') as [X509Certificate];
  const signerKey = parseKey(signer.key, 'the key of the signing root');
  const above = new x509.X509Certificate(signerCertificate.raw);
  const subject = new x509.X509Certificate(rootCertificate.raw);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: subject.subjectName,
    issuer: above.subjectName,
    notBefore: new Date(now - CA_SKEW_MS),
    notAfter: new Date(Math.min(notAfter(rootCertificate), notAfter(signerCertificate))),
    signingAlgorithm: algorithmOf(signerKey, 'the key of the signing root'),
    publicKey: subject.publicKey,
    signingKey: await signingKey(signerKey, 'the key of the signing root'),
    extensions: [...await caExtensions(subject.publicKey, undefined), await authorityKeyIdentifier(above)],
  });
  return `${certificate.toString('pem')}\n`;
}

/** An issuer that has been checked: it can sign, and what it signs leads to a trust anchor. */
export class Authority {
  /**
   * Issuer first, then what leads from it to, and without, the anchor, then the rest of its chain (cross-certificates, for those who trust another
   * anchor), without roots; the issuer alone when it is the anchor.
   */
  readonly intermediates: readonly Buffer[];
  /** end of the shortest-lived certificate from issuer to anchor, milliseconds since the epoch */
  readonly notAfter: number;
  readonly #issuer: LeafIssuer;

  private constructor(path: readonly X509Certificate[], beside: readonly X509Certificate[], issuer: LeafIssuer) {
    this.intermediates = [...(path.length === 1 ? path : path.slice(0, -1)), ...beside].map((c) => Buffer.from(c.raw));
    this.notAfter = Math.min(...path.map(notAfter));
    this.#issuer = issuer;
  }

  /** Throws an Error that says in words why the pair cannot be used. `issuer.certificate` may go on with intermediates. */
  static async load(issuer: PemPair, anchorsPem: string, now: number): Promise<Authority> {
    const chain = parseCertificates(issuer.certificate, 'the issuer certificate (tls.crt)');
    const anchors = parseCertificates(anchorsPem, 'the trust anchor bundle');
    const key = parseKey(issuer.key, 'the issuer key (tls.key)');
    const certificate = chain[0]!;
    if (!certificate.checkPrivateKey(key)) throw new Error('the issuer key (tls.key) does not belong to the issuer certificate (tls.crt)');
    if (!certificate.ca) throw new Error('the issuer certificate is not a CA (basicConstraints)');
    if (now > notAfter(certificate)) throw new Error(`the issuer certificate expired at ${certificate.validToDate.toISOString()}`);
    const path = pathToAnchor(chain, anchors, now);
    if (!path) throw new Error('no valid path leads from the issuer certificate to a trust anchor; replace both, or add its root to the trust anchors');
    // node:crypto does not show path lengths
    const depth = path.findIndex((c, below) => (new x509.X509Certificate(c.raw).getExtension(x509.BasicConstraintsExtension)?.pathLength ?? Infinity) < below);
    if (depth !== -1) throw new Error(`certificate ${depth + 1} of the issuer's chain allows fewer CAs below it (path length) than there are`);
    const beside = chain.filter((c) => !path.some((on) => on.raw.equals(c.raw)) && !c.checkIssued(c) && now <= notAfter(c));
    const parsed = new x509.X509Certificate(certificate.raw);
    const keyIdentifier = await authorityKeyIdentifier(parsed);
    const hash = algorithmOf(key, 'the issuer key').hash === 'SHA-384' ? 'sha384' : 'sha256';
    return new Authority(path, beside, { key, name: Buffer.from(parsed.subjectName.toArrayBuffer()), keyIdentifier: Buffer.from(keyIdentifier.rawData), hash });
  }

  /** A leaf for mutual TLS. It never outlives the chain above it. */
  issue(request: LeafRequest): Promise<Leaf> {
    const wanted = request.now + (request.lifetimeSeconds + request.skewSeconds) * 1000;
    // X.509 times have whole seconds; the value returned has to be the one in the certificate
    const end = Math.floor(Math.min(wanted, this.notAfter) / 1000) * 1000;
    const der = writeLeaf(this.#issuer, {
      publicKey: request.publicKey, dnsNames: request.dnsNames, uris: request.uris ?? [], notBefore: request.now - request.skewSeconds * 1000, notAfter: end,
    });
    return Promise.resolve({ der, notAfter: end });
  }
}
