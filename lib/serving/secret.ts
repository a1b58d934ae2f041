import { X509Certificate, createPrivateKey } from 'node:crypto';
import type { Secret } from '../kube/types.ts';
import type { ServingPair } from './issue.ts';

/** What the Secret holds: the pair, where `ca` is every authority that callers may have to trust, newest first. */
export type Stored = ServingPair;

export interface SecretIdentity { name: string; namespace: string; labels: Record<string, string> }

const PEM = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

const decode = (secret: Secret, key: string): string => Buffer.from(secret.data?.[key] ?? '', 'base64').toString('utf8');

/** Null when something is missing, not readable, or does not belong together. */
export function readStored(secret: Secret): Stored | null {
  const stored = { cert: decode(secret, 'tls.crt'), key: decode(secret, 'tls.key'), ca: decode(secret, 'ca.crt') };
  try {
    const leaf = new X509Certificate(stored.cert);
    const signers = (stored.ca.match(PEM) ?? []).map((pem) => new X509Certificate(pem));
    const belongs = leaf.checkPrivateKey(createPrivateKey(stored.key)) && signers.some((s) => leaf.checkIssued(s) && leaf.verify(s.publicKey));
    return belongs ? stored : null;
  } catch {
    return null;
  }
}

export function writeStored(identity: SecretIdentity, stored: Stored, resourceVersion?: string): Secret {
  const encode = (text: string): string => Buffer.from(text).toString('base64');
  return {
    metadata: { ...identity, ...(resourceVersion !== undefined && { resourceVersion }) },
    type: 'kubernetes.io/tls',
    data: { 'tls.crt': encode(stored.cert), 'tls.key': encode(stored.key), 'ca.crt': encode(stored.ca) },
  };
}

/** When a certificate is due for renewal: two thirds into its life. Milliseconds since the epoch. */
export function renewalTime(cert: string): number {
  const { validFromDate, validToDate } = new X509Certificate(cert);
  return validFromDate.getTime() + ((validToDate.getTime() - validFromDate.getTime()) * 2) / 3;
}

/** Whether the certificate can go on serving `names` for now. */
export function isFit(stored: Stored, names: readonly string[], now: number): boolean {
  const leaf = new X509Certificate(stored.cert);
  return now < renewalTime(stored.cert) && now >= leaf.validFromDate.getTime() && names.every((n) => leaf.checkHost(n) !== undefined);
}

/** The new authority, then those of `old` that have not expired: replicas serve the old leaf until they have seen the new one. */
export function mergeAuthorities(fresh: string, old: string, now: number): string {
  const live = (old.match(PEM) ?? []).filter((pem) => new X509Certificate(pem).validToDate.getTime() > now);
  return [fresh.trim(), ...live.filter((pem) => pem.trim() !== fresh.trim())].join('\n') + '\n';
}
