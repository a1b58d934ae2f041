import { Counter, Gauge, Histogram, type Registry } from '@prometheus-io/client';

export interface IdentityMetrics {
  /** answered calls by gRPC code */
  certified(code: string, seconds: number): void;
  reviewed(seconds: number): void;
}

/** `issuerSeconds` gives what is left of the issuer's life, 0 without one. */
export function identityMetrics(registry: Registry, issuerSeconds: () => number): IdentityMetrics {
  const registers = [registry];
  const calls = new Counter({ name: 'identity_certify_total', help: 'Certify calls answered, by gRPC code.', labelNames: ['code'], registers });
  const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
  const duration = new Histogram({ name: 'identity_certify_duration_seconds', help: 'From request to answer of Certify.', buckets, registers });
  const review = new Histogram({ name: 'identity_token_review_duration_seconds', help: 'What the API server took to review a token.', buckets, registers });
  const ttl: Gauge = new Gauge({
    name: 'issuer_cert_ttl_seconds', help: 'Life left in the chain that leaves are signed with.', registers,
    collect: () => ttl.set(issuerSeconds()),
  });
  return {
    certified(code, seconds) {
      calls.inc({ code });
      duration.observe(seconds);
    },
    reviewed: (seconds) => review.observe(seconds),
  };
}
