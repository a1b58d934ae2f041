import { createPublicKey, sign, type KeyObject } from 'node:crypto';
import { bitString, octetString, oid, sequence, set, smallInteger, tlv, TRUE } from './der.ts';

const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';
const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';
const SUBJECT_ALT_NAME = '2.5.29.17';
/** context tags of GeneralName, RFC 5280 4.2.1.6 */
const DNS_NAME = 0x82;
const URI = 0x86;

/**
 * Certificate request (PKCS#10, RFC 2986) in DER for a P-256 key, with node:crypto alone so that the proxy loads no library.
 * The subject is empty, because an identity may be longer than the 64 characters that a common name holds; the SAN is therefore critical.
 * Stock Linkerd control planes refuse a URI SAN: leave `uri` out for them. Ours puts the SPIFFE ID into the leaf either way.
 */
export function createCsr(privateKey: KeyObject, dnsName: string, uri?: string): Buffer {
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const info = requestInfo(publicKey, dnsName, uri);
  return sequence(info, sequence(oid(ECDSA_WITH_SHA256)), bitString(sign('sha256', info, { key: privateKey, dsaEncoding: 'der' })));
}

/** The part that is signed. `publicKey` is a SubjectPublicKeyInfo in DER. */
export function requestInfo(publicKey: Uint8Array, dnsName: string, uri?: string): Buffer {
  const names = [tlv(DNS_NAME, Buffer.from(dnsName, 'latin1'))];
  if (uri !== undefined) names.push(tlv(URI, Buffer.from(uri, 'latin1')));
  const extensions = sequence(sequence(oid(SUBJECT_ALT_NAME), TRUE, octetString(sequence(...names))));
  const attributes = tlv(0xa0, sequence(oid(EXTENSION_REQUEST), set(extensions)));
  return sequence(smallInteger(0), sequence(), publicKey, attributes);
}
