/** Keys, certificates and kubeconfig files of a local cluster: P-256 throughout, good for a year. */
import { webcrypto } from 'node:crypto';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { stringify } from 'yaml';
import { certificates, PKI, type CertificateRequest } from './components.ts';
import type { Layout } from './layout.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const HOUR_MS = 3_600_000;
const YEAR_MS = 365 * 24 * HOUR_MS;

interface Pair {
  certificate: string;
  key: string;
}

interface Authority {
  certificate: x509.X509Certificate;
  keys: CryptoKeyPair;
}

type CryptoKeyPair = webcrypto.CryptoKeyPair;

/** Writes everything into `cluster.pkiDir`, and the kubeconfig for people and tests, with its keys inside, to `cluster.kubeconfig`. */
export async function writePki(cluster: Layout, now: Date): Promise<void> {
  x509.cryptoProvider.set(webcrypto);
  await mkdir(cluster.pkiDir, { recursive: true, mode: 0o700 });
  const put = (file: string, text: string) => writeFile(join(cluster.pkiDir, file), text, { mode: 0o600 });
  const signers = { ca: await authority('kubernetes-ca', now), 'front-proxy-ca': await authority('front-proxy-ca', now) };
  for (const [name, signer] of Object.entries(signers)) {
    await put(`${name}.crt`, signer.certificate.toString('pem'));
    await put(`${name}.key`, await pem(signer.keys.privateKey));
  }
  const accounts = await generate();
  await put('sa.key', await pem(accounts.privateKey));
  await put('sa.pub', await publicPem(accounts.publicKey));
  const ca = signers.ca.certificate.toString('pem');
  for (const request of certificates(cluster)) {
    const pair = await issue(request, signers[request.signer], now);
    await put(`${request.file}.crt`, pair.certificate);
    await put(`${request.file}.key`, pair.key);
    if (request.file === 'admin') {
      await writeFile(cluster.kubeconfig, inlineKubeconfig(cluster, ca, pair), { mode: 0o600 });
      await chmod(cluster.kubeconfig, 0o600);
    }
    await put(`${request.file}.kubeconfig`, fileKubeconfig(cluster, request.file));
  }
}

function generate(): Promise<CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

async function authority(commonName: string, now: Date): Promise<Authority> {
  const keys = await generate();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [commonName] }],
    keys,
    signingAlgorithm: ALGORITHM,
    ...validity(now),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign | x509.KeyUsageFlags.digitalSignature, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate, keys };
}

async function issue(request: CertificateRequest, signer: Authority, now: Date): Promise<Pair> {
  const keys = await generate();
  const names = [...(request.dns ?? []).map((value) => ({ type: 'dns' as const, value })), ...(request.ips ?? []).map((value) => ({ type: 'ip' as const, value }))];
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [...(request.organization === undefined ? [] : [{ O: [request.organization] }]), { CN: [request.commonName] }],
    issuer: signer.certificate.subjectName,
    publicKey: keys.publicKey,
    signingKey: signer.keys.privateKey,
    signingAlgorithm: ALGORITHM,
    ...validity(now),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      await x509.AuthorityKeyIdentifierExtension.create(signer.keys.publicKey),
      ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
    ],
  });
  return { certificate: certificate.toString('pem'), key: await pem(keys.privateKey) };
}

/** From an hour ago, so that a clock that is set back does not matter. */
function validity(now: Date): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(now.getTime() - HOUR_MS), notAfter: new Date(now.getTime() + YEAR_MS) };
}

async function pem(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

async function publicPem(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('spki', key), 'PUBLIC KEY');
}

/** For components on a node, which see the keys at PKI. */
function fileKubeconfig(cluster: Layout, user: string): string {
  return kubeconfig(
    `kubectl-mesh-${cluster.name}`,
    { server: cluster.server, 'certificate-authority': `${PKI}/ca.crt` },
    { 'client-certificate': `${PKI}/${user}.crt`, 'client-key': `${PKI}/${user}.key` },
  );
}

function inlineKubeconfig(cluster: Layout, ca: string, pair: Pair): string {
  return kubeconfig(
    `kubectl-mesh-${cluster.name}`,
    { server: cluster.server, 'certificate-authority-data': base64(ca) },
    { 'client-certificate-data': base64(pair.certificate), 'client-key-data': base64(pair.key) },
  );
}

function kubeconfig(name: string, cluster: object, user: object): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster }],
    users: [{ name, user }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  });
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
