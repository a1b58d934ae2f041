import type { X509Certificate } from 'node:crypto';
import { STATUS_KEY, type AnchorStatus, type CertificateStatus, type IdentityStatus } from '../../../api/identity-status.ts';
import type { IdentityConfig } from '../../../api/config.ts';
import type { KubeClient } from '../../../lib/kube/client.ts';
import { RESOURCES } from '../../../lib/kube/resources.ts';
import type { Waiting } from './census.ts';
import { fingerprintOf, type Facts, type Objects } from './facts.ts';

export interface Outlook {
  next?: { what: string; at: number } | undefined;
  waiting?: Waiting | undefined;
  error?: string | undefined;
}

/** RFC 3339 with whole seconds. */
const iso = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

export function certificateStatus(certificate: X509Certificate): CertificateStatus {
  return {
    fingerprint: fingerprintOf(certificate),
    subject: certificate.subject.replaceAll('\n', ', '),
    notBefore: iso(certificate.validFromDate.getTime()),
    notAfter: iso(certificate.validToDate.getTime()),
  };
}

export function statusOf(facts: Facts, authority: IdentityConfig['authority'], { next, waiting, error }: Outlook): IdentityStatus {
  const { active, state, issuer } = facts;
  const role = (c: X509Certificate): AnchorStatus['role'] => {
    const fingerprint = fingerprintOf(c);
    if (authority === 'given' || fingerprint === active?.fingerprint) return 'active';
    if (fingerprint === facts.next?.fingerprint) return 'next';
    return state?.retire.includes(fingerprint) ? 'retiring' : 'foreign';
  };
  return {
    authority,
    phase: state?.phase ?? 'Stable',
    ...(state && { since: iso(state.since), reason: state.reason }),
    anchors: facts.bundle.map((c) => ({ ...certificateStatus(c), role: role(c) })),
    ...(issuer && { issuer: certificateStatus(issuer.certificate) }),
    ...(next && { next: { what: next.what, at: iso(next.at) } }),
    ...(waiting && waiting.count > 0 && { waitingFor: waiting }),
    ...(error !== undefined && { error }),
    handled: facts.handled,
  };
}

/** Writes the status when it differs from what is there. Throws KubeError. */
export async function writeStatus(kube: KubeClient, { status: object }: Objects, status: IdentityStatus): Promise<void> {
  const text = `${JSON.stringify(status, null, 2)}\n`;
  if (object.data?.[STATUS_KEY] === text) return;
  await kube.patch(RESOURCES.configmaps, object.metadata.name, object.metadata.namespace, { type: 'merge', body: { data: { [STATUS_KEY]: text } } });
}
