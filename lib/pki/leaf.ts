/**
 * Writes leaf certificates (RFC 5280) with node:crypto alone. A certificate library takes ten times as long, and after an outage every proxy of the
 * cluster comes at once.
 */
import { randomBytes, sign, type KeyObject } from 'node:crypto';
import { bitString, octetString, oid, sequence, smallInteger, tlv, TRUE } from './der.ts';

/** What stays the same from leaf to leaf. */
export interface LeafIssuer {
  key: KeyObject;
  /** DER of the issuer's subject */
  name: Uint8Array;
  /** DER of an AuthorityKeyIdentifier extension */
  keyIdentifier: Uint8Array;
  hash: 'sha256' | 'sha384';
}

export interface LeafContent {
  publicKey: KeyObject;
  dnsNames: readonly string[];
  uris: readonly string[];
  /** milliseconds since the epoch, whole seconds count */
  notBefore: number;
  notAfter: number;
}

const SIGNATURES = { sha256: '1.2.840.10045.4.3.2', sha384: '1.2.840.10045.4.3.3' } as const;
const INTEGER = 0x02;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const explicit = (n: number): number => 0xa0 + n;
/** context tags of GeneralName, RFC 5280 4.2.1.6 */
const DNS_NAME = 0x82;
const URI = 0x86;
const VERSION_3 = tlv(explicit(0), smallInteger(2));

const critical = (id: string, value: Buffer): Buffer => sequence(oid(id), TRUE, octetString(value));
const BASIC_CONSTRAINTS = critical('2.5.29.19', sequence());
/** digitalSignature alone: one bit, seven unused */
const KEY_USAGE = critical('2.5.29.15', tlv(0x03, Buffer.of(7, 0x80)));
const EXTENDED_KEY_USAGE = sequence(oid('2.5.29.37'), octetString(sequence(oid('1.3.6.1.5.5.7.3.1'), oid('1.3.6.1.5.5.7.3.2'))));

/** RFC 5280 4.1.2.5: UTCTime through 2049. */
function time(ms: number): Buffer {
  const text = new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return Number(text.slice(0, 4)) < 2050 ? tlv(UTC_TIME, Buffer.from(text.slice(2))) : tlv(GENERALIZED_TIME, Buffer.from(text));
}

/** Positive and without leading zeros, 16 bytes (RFC 5280 4.1.2.2). */
function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return tlv(INTEGER, bytes);
}

/** DER. The subject is empty, so the names are critical (RFC 5280 4.2.1.6). */
export function writeLeaf(issuer: LeafIssuer, leaf: LeafContent): Buffer {
  const names = [...leaf.dnsNames.map((name) => tlv(DNS_NAME, Buffer.from(name, 'latin1'))), ...leaf.uris.map((uri) => tlv(URI, Buffer.from(uri, 'latin1')))];
  const algorithm = sequence(oid(SIGNATURES[issuer.hash]));
  const extensions = sequence(BASIC_CONSTRAINTS, KEY_USAGE, EXTENDED_KEY_USAGE, critical('2.5.29.17', sequence(...names)), issuer.keyIdentifier);
  const body = sequence(
    VERSION_3, serialNumber(), algorithm, issuer.name, sequence(time(leaf.notBefore), time(leaf.notAfter)), sequence(),
    leaf.publicKey.export({ type: 'spki', format: 'der' }), tlv(explicit(3), extensions),
  );
  return sequence(body, algorithm, bitString(sign(issuer.hash, body, { key: issuer.key, dsaEncoding: 'der' })));
}
