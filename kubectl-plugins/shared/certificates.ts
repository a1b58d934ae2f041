import type { X509Certificate } from 'node:crypto';
import { notAfter, notBefore } from '../../lib/pki/verify.ts';

/** Proxies verify ECDSA on these curves. */
const CURVES = ['prime256v1', 'secp384r1'];

export function isSupported(certificate: X509Certificate): boolean {
  return CURVES.includes(certificate.publicKey.asymmetricKeyDetails?.namedCurve ?? '');
}

/** Why a certificate is not valid at a time (milliseconds since the epoch); undefined when it is. */
export function invalidAt(certificate: X509Certificate, now: number): string | undefined {
  if (now < notBefore(certificate)) return `is not valid before ${isoDate(certificate.validFromDate)}`;
  if (now > notAfter(certificate)) return `expired on ${isoDate(certificate.validToDate)}`;
  return undefined;
}

/** "2026-11-23T12:00:00Z" */
export function isoDate(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

/** What to call a certificate in messages, on one line. */
export function subjectOf(certificate: X509Certificate): string {
  return certificate.subject?.replaceAll('\n', ', ') || 'the certificate';
}

/** A value of a Secret as text. */
export function decoded(secret: { data?: Record<string, string> } | undefined, key: string): string {
  return Buffer.from(secret?.data?.[key] ?? '', 'base64').toString('utf8');
}
