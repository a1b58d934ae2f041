/**
 * What mesh-identity says of itself: key STATUS_KEY of ConfigMap mesh-identity-status in the control namespace, as JSON of IdentityStatus. Holds
 * nothing secret. Times are RFC 3339.
 */
import { GROUP } from './names.ts';

export const STATUS_KEY = 'status.json';

/**
 * Annotations on the same ConfigMap by which a rotation is asked for: any value that differs from the last one handled, as `kubectl mesh identity
 * rotate` writes it.
 */
export const ROTATION_REQUESTS = { issuer: `${GROUP}/rotate-issuer`, anchor: `${GROUP}/rotate-anchor` } as const;
export type Rotated = keyof typeof ROTATION_REQUESTS;

/**
 * Stable: one anchor of our own, the issuer under it. Preparing: a new anchor is made. Distributing: the bundle has both, and proxies are waited for. Retiring: the issuer is
 * under the new anchor, and certificates under the old one run out.
 */
export type RotationPhase = 'Stable' | 'Preparing' | 'Distributing' | 'Retiring';

export interface CertificateStatus {
  /** SHA-256 of the DER, hex */
  fingerprint: string;
  subject: string;
  notBefore: string;
  notAfter: string;
}

export interface AnchorStatus extends CertificateStatus {
  /** active: the issuer is under it; next: takes over; retiring: goes; foreign: put there by somebody else and left alone */
  role: 'active' | 'next' | 'retiring' | 'foreign';
}

export interface IdentityStatus {
  authority: 'automatic' | 'given';
  phase: RotationPhase;
  /** when the phase began; absent while Stable */
  since?: string;
  /** why the anchor is rotated */
  reason?: string;
  anchors: AnchorStatus[];
  issuer?: CertificateStatus;
  /** what happens next by itself, and when at the earliest */
  next?: { what: string; at: string };
  /** proxies that a rotation waits for: how many, and the first few as namespace/pod: why */
  waitingFor?: { count: number; pods: string[] };
  /** why the last attempt did not succeed */
  error?: string;
  /** last requests that were carried out */
  handled: Partial<Record<Rotated, string>>;
}

/** GET /identity on the admin port of proxies (4191) and control pods (9990): whom the process is, and whom it trusts, now. Nothing secret. */
export interface IdentityReport {
  /** mesh identity: the first DNS name of the certificate */
  identity: string;
  /** PEM: leaf, then intermediates; '' before the first */
  chain: string;
  /** PEM: trust anchors in use */
  anchors: string;
}
