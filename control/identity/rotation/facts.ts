/** What the cluster holds of the mesh's authority, read from its objects; nothing here decides anything. */
import { X509Certificate } from 'node:crypto';
import { ANCHORS_KEY, GROUP } from '../../../api/names.ts';
import { ROTATION_REQUESTS, type RotationPhase, type Rotated } from '../../../api/identity-status.ts';
import type { ConfigMap, Secret } from '../../../lib/kube/types.ts';
import { CA_SKEW_MS, type PemPair } from '../../../lib/pki/authority.ts';
import { certificatesOf, parseCertificates } from '../../../lib/pki/pem.ts';
import { notAfter, notBefore } from '../../../lib/pki/verify.ts';

/** Annotation on the root's Secret: JSON of RotationState. */
export const STATE_ANNOTATION = `${GROUP}/rotation`;
/** Annotation on the root's and the issuer's Secret: the last request that was carried out. */
export const HANDLED_ANNOTATION = `${GROUP}/rotation-request`;

/** What has to outlive the process; the rest is seen from the certificates. Absent while the phase is Stable. */
export interface RotationState {
  phase: Exclude<RotationPhase, 'Stable'>;
  /** milliseconds since the epoch */
  since: number;
  /** fingerprints of the anchors that go in the end */
  retire: string[];
  reason: string;
}

export interface Root {
  pair: PemPair;
  certificate: X509Certificate;
  fingerprint: string;
  /** PEM: the same name and key, vouched for by the root before; '' without one */
  cross: string;
}

export interface IssuerFact {
  certificate: X509Certificate;
  fingerprint: string;
  /** the root that signed it */
  by: 'active' | 'next' | 'other';
}

export interface Facts {
  active: Root | null;
  next: Root | null;
  state: RotationState | null;
  bundle: X509Certificate[];
  issuer: IssuerFact | null;
  requested: Partial<Record<Rotated, string>>;
  handled: Partial<Record<Rotated, string>>;
}

/** The objects that facts are read from; conflicts are seen by their resourceVersion. */
export interface Objects {
  root: Secret;
  issuer: Secret;
  anchors: ConfigMap;
  status: ConfigMap;
}

/** SHA-256 of the DER, hex. */
export const fingerprintOf = (certificate: X509Certificate): string => certificate.fingerprint256.replaceAll(':', '').toLowerCase();

/** When one of our own CA certificates was made, milliseconds since the epoch. */
export const madeAt = (certificate: X509Certificate): number => notBefore(certificate) + CA_SKEW_MS;

/** From when on a CA certificate is to be replaced: two thirds of its life, so that its last third is room for outages. */
export const dueAt = (certificate: X509Certificate): number => madeAt(certificate) + ((notAfter(certificate) - madeAt(certificate)) * 2) / 3;

export const isSignedBy = (child: X509Certificate, parent: X509Certificate): boolean => child.checkIssued(parent) && child.verify(parent.publicKey);

/** Throws an Error that names the object when one holds what cannot be read: nothing is overwritten that somebody may want to repair. */
export function readFacts({ root, issuer, anchors, status }: Objects): Facts {
  const active = readRoot(root, 'tls.crt', 'tls.key', 'cross.crt');
  const next = readRoot(root, 'next.crt', 'next.key', 'next-cross.crt');
  const requested: Facts['requested'] = {};
  const handled: Facts['handled'] = {};
  for (const [what, secret] of [['anchor', root], ['issuer', issuer]] as const) {
    const asked = status.metadata.annotations?.[ROTATION_REQUESTS[what]];
    const done = secret.metadata.annotations?.[HANDLED_ANNOTATION];
    if (asked) requested[what] = asked;
    if (done) handled[what] = done;
  }
  return { active, next, state: readState(root), bundle: readBundle(anchors), issuer: readIssuer(issuer, active, next), requested, handled };
}

function text(secret: Secret, key: string): string {
  return Buffer.from(secret.data?.[key] ?? '', 'base64').toString('utf8');
}

function readRoot(secret: Secret, certificateKey: string, keyKey: string, crossKey: string): Root | null {
  const pair = { certificate: text(secret, certificateKey), key: text(secret, keyKey) };
  if (pair.certificate === '' && pair.key === '') return null;
  const certificate = parseCertificates(pair.certificate, `${certificateKey} of Secret ${secret.metadata.name}`)[0]!;
  if (pair.key === '') throw new Error(`Secret ${secret.metadata.name} has no ${keyKey}; restore it, or empty the Secret to have a new root made`);
  return { pair, certificate, fingerprint: fingerprintOf(certificate), cross: text(secret, crossKey) };
}

function readBundle(anchors: ConfigMap): X509Certificate[] {
  const pem = anchors.data?.[ANCHORS_KEY] ?? '';
  return certificatesOf(pem).length === 0 ? [] : parseCertificates(pem, `${ANCHORS_KEY} of ConfigMap ${anchors.metadata.name}`);
}

function readIssuer(secret: Secret, active: Root | null, next: Root | null): IssuerFact | null {
  const pem = text(secret, 'tls.crt');
  if (pem === '') return null;
  let certificate;
  try {
    certificate = parseCertificates(pem, 'it')[0]!;
  } catch {
    // What signs nothing is replaced like one that is not there.
    return null;
  }
  const by = next && isSignedBy(certificate, next.certificate) ? 'next' : active && isSignedBy(certificate, active.certificate) ? 'active' : 'other';
  return { certificate, fingerprint: fingerprintOf(certificate), by };
}

function readState(root: Secret): RotationState | null {
  const annotation = root.metadata.annotations?.[STATE_ANNOTATION];
  if (!annotation) return null;
  try {
    const { phase, since, retire, reason } = JSON.parse(annotation) as RotationState;
    if (['Preparing', 'Distributing', 'Retiring'].includes(phase) && typeof since === 'number' && Array.isArray(retire)) return { phase, since, retire, reason };
  } catch {
    // falls through: the same as an unknown phase
  }
  throw new Error(`annotation ${STATE_ANNOTATION} of Secret ${root.metadata.name} is not one that this version wrote; remove it to have the rotation begin anew`);
}
