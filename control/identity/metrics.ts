import { Counter, Gauge, Histogram, type Registry } from '@prometheus-io/client';
import type { IdentityStatus, RotationPhase } from '../../api/identity-status.ts';

export interface IdentityMetrics {
  /** answered calls by gRPC code */
  certified(code: string, seconds: number): void;
  reviewed(seconds: number): void;
  /** what the leader found; null when this process does not lead */
  rotation(status: IdentityStatus | null): void;
  /** an event of the rotation, by its reason */
  told(reason: string): void;
}

const PHASES: readonly RotationPhase[] = ['Stable', 'Preparing', 'Distributing', 'Retiring'];

/** `issuerSeconds` gives what is left of the issuer's life, 0 without one; `now` is milliseconds since the epoch. */
export function identityMetrics(registry: Registry, issuerSeconds: () => number, now: () => number): IdentityMetrics {
  const registers = [registry];
  const calls = new Counter({ name: 'identity_certify_total', help: 'Certify calls answered, by gRPC code.', labelNames: ['code'], registers });
  const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
  const duration = new Histogram({ name: 'identity_certify_duration_seconds', help: 'From request to answer of Certify.', buckets, registers });
  const review = new Histogram({ name: 'identity_token_review_duration_seconds', help: 'What the API server took to review a token.', buckets, registers });
  const ttl: Gauge = new Gauge({
    name: 'issuer_cert_ttl_seconds', help: 'Life left in the chain that leaves are signed with.', registers,
    collect: () => ttl.set(issuerSeconds()),
  });
  let status: IdentityStatus | null = null;
  const anchors: Gauge<'fingerprint' | 'role'> = new Gauge({
    name: 'identity_trust_anchor_ttl_seconds', help: 'Life left in each trust anchor; from the replica that leads.', labelNames: ['fingerprint', 'role'], registers,
    collect() {
      anchors.reset();
      for (const a of status?.anchors ?? []) anchors.set({ fingerprint: a.fingerprint.slice(0, 12), role: a.role }, (Date.parse(a.notAfter) - now()) / 1000);
    },
  });
  const phase: Gauge<'phase'> = new Gauge({
    name: 'identity_rotation_phase', help: '1 for the phase that the rotation of the trust anchor is in; from the replica that leads.', labelNames: ['phase'], registers,
    collect() {
      phase.reset();
      if (status) for (const p of PHASES) phase.set({ phase: p }, p === status.phase ? 1 : 0);
    },
  });
  const waiting: Gauge = new Gauge({
    name: 'identity_rotation_waiting_proxies', help: 'Proxies that a rotation waits for; from the replica that leads.', registers,
    collect: () => waiting.set(status?.waitingFor?.count ?? 0),
  });
  const events = new Counter({ name: 'identity_rotation_events_total', help: 'Steps and failures of rotations, by the reason of their event.', labelNames: ['reason'], registers });
  return {
    certified(code, seconds) {
      calls.inc({ code });
      duration.observe(seconds);
    },
    reviewed: (seconds) => review.observe(seconds),
    rotation(found) {
      status = found;
    },
    told: (reason) => events.inc({ reason }),
  };
}
