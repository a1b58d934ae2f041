import { X509Certificate } from 'node:crypto';

const BLOCK = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+?)-----END CERTIFICATE-----/g;

/** DER of every certificate in a PEM text, in order; other blocks and text between are passed over. */
export function certificatesOf(pem: string): Buffer[] {
  return [...pem.matchAll(BLOCK)].map((m) => Buffer.from(m[1]!, 'base64'));
}

/** One PEM certificate, with a newline at the end. */
export function toPem(der: Uint8Array): string {
  const base64 = Buffer.from(der).toString('base64');
  return `-----BEGIN CERTIFICATE-----\n${base64.match(/.{1,64}/g)?.join('\n') ?? ''}\n-----END CERTIFICATE-----\n`;
}

/** Parsed certificates of a PEM text; throws when there is none or one is malformed. */
export function parseCertificates(pem: string, what: string): X509Certificate[] {
  const ders = certificatesOf(pem);
  if (ders.length === 0) throw new Error(`${what} has no PEM certificate`);
  return ders.map((der, i) => {
    try {
      return new X509Certificate(der);
    } catch {
      throw new Error(`certificate ${i + 1} of ${what} is malformed`);
    }
  });
}
