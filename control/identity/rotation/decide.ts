/**
 * What to do next about the mesh's authority: a pure function of what the cluster holds, so that whoever leads goes on wherever the last leader was
 * stopped. Each step is one write, and the order of the writes is what keeps every connection verifiable: the bundle has an anchor before
 * anything is signed under it, and keeps it until nothing is.
 */
import type { X509Certificate } from 'node:crypto';
import type { IdentityConfig } from '../../../api/config.ts';
import { notAfter, notBefore } from '../../../lib/pki/verify.ts';
import { dueAt, fingerprintOf, isSignedBy, type Facts, type Root } from './facts.ts';

/** Proxies that a phase waits for, as of the last time they were asked; null before the first. */
export interface Adoption { waiting: number }

export type Step =
  /** make a root: as the active one where the mesh has nothing yet, else as the next */
  | { do: 'make-root'; as: 'active' | 'next'; reason: string; retire: string[] }
  /** put our anchors into the bundle */
  | { do: 'publish'; missing: Root[] }
  | { do: 'distribute' }
  | { do: 'sign-issuer'; by: 'active' | 'next'; reason: string }
  /** the next root becomes the active one */
  | { do: 'promote' }
  /** take anchors out of the bundle */
  | { do: 'retire'; anchors: X509Certificate[] }
  | { do: 'finish' }
  /** ask the proxies: whether they trust the next root, or whether one still has a certificate under a retiring one */
  | { do: 'ask'; about: 'anchor' | 'leaves' }
  /** nothing until then; `what` says what comes after */
  | { do: 'wait'; until: number; what: string };

/** After a bundle was written: pods that are just being created may have the one from before. */
export const SETTLE_MS = 30_000;
/** Certificates that another replica signed while the issuer was replaced. */
const OVERLAP_MS = 30_000;

export function decide(facts: Facts, config: IdentityConfig, now: number, adoption: Adoption | null): Step {
  const { active, next, state, issuer } = facts;
  if (!active && !next) return firstRoot(facts);
  const missing = [active, next].filter((root): root is Root => root !== null && !facts.bundle.some((c) => fingerprintOf(c) === root.fingerprint));
  if (missing.length > 0) return { do: 'publish', missing };
  if (next && issuer?.by === 'next') return { do: 'promote' };
  if (next && state?.phase !== 'Distributing') return { do: 'distribute' };

  const wanted = active && usable(active.certificate, now) ? issuerReason(facts, now) : null;
  if (wanted !== null) return { do: 'sign-issuer', by: 'active', reason: wanted };

  if (next) return distributing(facts, config, now, adoption);
  if (state?.phase === 'Retiring') return retiring(facts, config, now, adoption);
  // Somebody took the next root away.
  if (state) return { do: 'finish' };
  const reason = anchorReason(facts, now);
  if (reason !== null) return { do: 'make-root', as: 'next', reason, retire: [active!.fingerprint] };
  const [anchorAt, issuerAt] = [dueAt(active!.certificate), dueAt(issuer!.certificate)];
  return issuerAt <= anchorAt ? { do: 'wait', until: issuerAt, what: 'issuer renewed' } : { do: 'wait', until: anchorAt, what: 'anchor rotated' };
}

const usable = (certificate: X509Certificate, now: number): boolean => notBefore(certificate) <= now && now < notAfter(certificate);

function firstRoot({ bundle, issuer }: Facts): Step {
  if (bundle.length === 0) return { do: 'make-root', as: 'active', reason: 'the mesh has no authority yet', retire: [] };
  // Without the key of the anchor the issuer cannot be renewed: a new anchor takes over while there is time. Only what the issuer is under goes.
  const above = bundle.filter((c) => issuer !== null && isSignedBy(issuer.certificate, c));
  return { do: 'make-root', as: 'next', reason: 'the key of the trust anchor is not there', retire: above.map(fingerprintOf) };
}

/** Why the active root has to sign a new issuer; null when it need not. */
function issuerReason({ issuer, next, requested, handled }: Facts, now: number): string | null {
  if (!issuer) return 'there is none';
  if (issuer.by === 'other') return next ? null : 'it is not signed by the trust anchor';
  if (!usable(issuer.certificate, now)) return 'it has expired';
  if (requested.issuer !== undefined && requested.issuer !== handled.issuer) return 'asked for';
  return now >= dueAt(issuer.certificate) ? 'two thirds of its life are over' : null;
}

function anchorReason({ active, requested, handled }: Facts, now: number): string | null {
  if (!usable(active!.certificate, now)) return 'the trust anchor has expired';
  if (requested.anchor !== undefined && requested.anchor !== handled.anchor) return 'asked for';
  return now >= dueAt(active!.certificate) ? 'two thirds of its life are over' : null;
}

function distributing({ active, issuer, state }: Facts, config: IdentityConfig, now: number, adoption: Adoption | null): Step {
  const sign = (reason: string): Step => ({ do: 'sign-issuer', by: 'next', reason });
  // Nothing that is signed under the old anchor can be verified any more: there is nothing to wait for.
  if (!issuer || !usable(issuer.certificate, now) || (active && !usable(active.certificate, now))) return sign('the authority before has expired');
  const { since } = state!;
  if (now < since + SETTLE_MS) return { do: 'wait', until: since + SETTLE_MS, what: 'proxies asked whether they trust the new anchor' };
  if (!adoption) return { do: 'ask', about: 'anchor' };
  if (adoption.waiting === 0) return sign('every proxy trusts the new anchor');
  // Cross-signing carries who is left behind.
  const latest = Math.min(since + config.rotationPatienceSeconds * 1000, active ? dueAt(active.certificate) + (notAfter(active.certificate) - dueAt(active.certificate)) / 2 : Infinity);
  return now >= latest ? sign('waited long enough') : { do: 'ask', about: 'anchor' };
}

function retiring({ active, bundle, state }: Facts, config: IdentityConfig, now: number, adoption: Adoption | null): Step {
  const anchors = bundle.filter((c) => state!.retire.includes(fingerprintOf(c)) && fingerprintOf(c) !== active!.fingerprint);
  if (anchors.length === 0) return { do: 'finish' };
  const retire: Step = { do: 'retire', anchors };
  if (anchors.every((c) => notAfter(c) < now)) return retire;
  const over = state!.since + (config.issuanceLifetimeSeconds + 2 * config.clockSkewSeconds) * 1000 + OVERLAP_MS;
  if (now < over) return { do: 'wait', until: over, what: 'old anchor retired' };
  // Certificates from before --issuance-lifetime was shortened outlive that.
  return adoption?.waiting === 0 ? retire : { do: 'ask', about: 'leaves' };
}
