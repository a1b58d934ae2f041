import 'reflect-metadata';
import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import { Pkcs10CertificateRequest, SubjectAlternativeNameExtension } from '@peculiar/x509';
import { requestInfo } from '../../lib/pki/csr.ts';

/** Not a certificate request at all. */
export class MalformedCsr extends Error {
  override readonly name = 'MalformedCsr';
}

/** A certificate request that breaks a rule; the message says which. */
export class CsrRefused extends Error {
  override readonly name = 'CsrRefused';
}

const MAX_CSR_BYTES = 8 * 1024;
const COMMON_NAME = '2.5.4.3';
/** How every P-256 key with a named curve and an uncompressed point begins (RFC 5480); nothing else goes into a leaf. */
const P256_SPKI = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex');
const P256_SPKI_BYTES = 91;
/** AlgorithmIdentifier ecdsa-with-SHA256 without parameters (RFC 5758 3.2), and the tag of the BIT STRING behind it. */
const ECDSA_SHA256 = Buffer.from('300a06082a8648ce3d04030203', 'hex');

/** Length of the outermost DER value with its header, or -1. */
function derLength(der: Uint8Array): number {
  if (der[0] !== 0x30 || der.length < 2) return -1;
  const first = der[1]!;
  if (first < 0x80) return 2 + first;
  const octets = first & 0x7f;
  if (octets === 0 || octets > 2 || der.length < 2 + octets) return -1;
  let length = 0;
  for (let i = 0; i < octets; i++) length = length * 256 + der[2 + i]!;
  return 2 + octets + length;
}

function parse(der: Uint8Array): Pkcs10CertificateRequest {
  if (der.length > MAX_CSR_BYTES || derLength(der) !== der.length) throw new MalformedCsr('the certificate signing request is not one DER value');
  try {
    return new Pkcs10CertificateRequest(Buffer.from(der));
  } catch {
    throw new MalformedCsr('the certificate signing request is not PKCS#10 in DER');
  }
}

function keyOf(spki: Buffer): KeyObject {
  if (spki.length !== P256_SPKI_BYTES || !spki.subarray(0, P256_SPKI.length).equals(P256_SPKI)) throw new CsrRefused('its public key is not ECDSA P-256');
  try {
    return createPublicKey({ key: spki, format: 'der', type: 'spki' });
  } catch {
    throw new CsrRefused('its public key is not a point on P-256');
  }
}

function checkNames(request: Pkcs10CertificateRequest, identity: string, uri: string): void {
  const commonNames = request.subjectName.getField(COMMON_NAME);
  if (commonNames.some((cn) => cn !== '' && cn !== identity)) throw new CsrRefused(`its common name is not ${identity}`);
  const sans = request.extensions.filter((e) => e instanceof SubjectAlternativeNameExtension);
  if (sans.length !== 1) throw new CsrRefused('it has to have one subject alternative name extension');
  const names = sans[0]!.names.items;
  const dns = names.filter((n) => n.type === 'dns');
  const uris = names.filter((n) => n.type === 'url');
  if (dns.length !== 1 || dns[0]!.value !== identity) throw new CsrRefused(`its only DNS name has to be ${identity}`);
  if (uris.length > 1 || (uris[0] && uris[0].value !== uri)) throw new CsrRefused(`its only URI may be ${uri}`);
  if (names.length !== dns.length + uris.length) throw new CsrRefused('it asks for names of other types');
}

/** version 0 and an empty subject, as requests of our proxies begin */
const USUAL_START = Buffer.from('0201003000', 'hex');

/** Octets of the headers of a value of these lengths: outermost and the signed part. */
const headerLength = (der: Uint8Array, at: number): number => (der[at + 1]! < 0x80 ? 2 : 2 + (der[at + 1]! & 0x7f));

/**
 * The SubjectPublicKeyInfo of a request that is, octet by octet, what our proxies write for this identity; null for any other. Reading one at leisure takes
 * longer than all the rest of issuing, and when a cluster starts every proxy asks at once.
 */
function usualKey(der: Uint8Array, identity: string, uri: string): Buffer | null {
  if (der.length > MAX_CSR_BYTES || derLength(der) !== der.length) return null;
  const outer = Buffer.from(der.buffer, der.byteOffset, der.byteLength);
  const body = outer.subarray(headerLength(outer, 0));
  const length = derLength(body);
  if (length < 0 || length > body.length) return null;
  const info = body.subarray(0, length);
  const start = headerLength(info, 0);
  if (!info.subarray(start, start + USUAL_START.length).equals(USUAL_START)) return null;
  const spki = info.subarray(start + USUAL_START.length, start + USUAL_START.length + P256_SPKI_BYTES);
  return info.equals(requestInfo(spki, identity)) || info.equals(requestInfo(spki, identity, uri)) ? spki : null;
}

/**
 * Whether the request is signed by its own key. The parser above is lenient with what lies outside of the signed part, so that is pinned octet by octet
 * here, and OpenSSL takes only the one DER form of a signature.
 */
function provenBy(key: KeyObject, der: Uint8Array): boolean {
  const body = Buffer.from(der).subarray(der[1]! < 0x80 ? 2 : 2 + (der[1]! & 0x7f));
  const signed = derLength(body);
  if (signed < 0 || !body.subarray(signed, signed + ECDSA_SHA256.length).equals(ECDSA_SHA256)) return false;
  const bits = body.subarray(signed + ECDSA_SHA256.length);
  // one length octet, no unused bits
  if (bits.length < 3 || bits[0] !== bits.length - 1 || bits[1] !== 0) return false;
  return verify('sha256', body.subarray(0, signed), { key, dsaEncoding: 'der' }, bits.subarray(2));
}

/**
 * The public key of a request for exactly this identity: one DNS name, optionally the matching SPIFFE ID, ECDSA P-256, signed by its own key.
 * Only the key and the identity go into the certificate, so what else a request has is of no effect.
 * Throws MalformedCsr or CsrRefused, and nothing else.
 */
export async function checkCsr(der: Uint8Array, identity: string, uri: string): Promise<KeyObject> {
  const usual = usualKey(der, identity, uri);
  const request = usual === null ? parse(der) : null;
  let key: KeyObject;
  try {
    key = keyOf(usual ?? Buffer.from(request!.publicKey.rawData));
    if (request !== null) checkNames(request, identity, uri);
  } catch (err) {
    if (err instanceof CsrRefused) throw err;
    throw new MalformedCsr('the certificate signing request has malformed parts');
  }
  if (!provenBy(key, der)) throw new CsrRefused('its signature is not by its own key');
  return key;
}
