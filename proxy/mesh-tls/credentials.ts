import tls from 'node:tls';
import type { X509Certificate } from 'node:crypto';
import { Sessions } from './sessions.ts';

/** TLS 1.3 only; AES-128-GCM first, which is the cheapest with hardware support. */
export const TLS_OPTIONS = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  ciphers: 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256',
} as const;

export interface Leaf {
  /** PEM */
  key: string;
  /** PEM: leaf, then intermediates */
  chain: string;
  /** milliseconds since the epoch */
  notAfter: number;
}

/**
 * The proxy's certificate and the trust anchors. Either is replaced whole, and only by something that OpenSSL accepts: connections that exist keep
 * what they were made with.
 */
export class Credentials {
  /** our DNS SAN */
  readonly name: string;
  private anchorsPem: string;
  private leafNow: Leaf | null = null;
  private client: tls.SecureContext;
  /** counts replacements: TLS sessions of an earlier epoch are not resumed, so that none outlives an anchor or a leaf */
  epoch = 0;
  /** of the connections that we opened */
  readonly sessions = new Sessions();
  /** told of each handshake that succeeded as client */
  handshakes: (resumed: boolean) => void = () => {};
  private readonly wall: () => number;
  private readonly listeners = new Set<() => void>();

  /** `wall`: milliseconds since the epoch */
  constructor(name: string, anchorsPem: string, wall: () => number) {
    this.name = name;
    this.wall = wall;
    this.anchorsPem = anchorsPem;
    this.client = buildContext(null, anchorsPem);
  }

  get leaf(): Leaf | null {
    return this.leafNow;
  }

  get anchors(): string {
    return this.anchorsPem;
  }

  /** Called after the leaf or the anchors were replaced. Returns the way to stop. */
  onChange(f: () => void): () => void {
    this.listeners.add(f);
    return () => this.listeners.delete(f);
  }

  /** Throws, and changes nothing, when key and certificate do not fit together. */
  setLeaf(leaf: Leaf): void {
    this.install(buildContext(leaf, this.anchorsPem), leaf, this.anchorsPem);
  }

  /** Throws, and changes nothing, when the PEM text holds no certificate. */
  setAnchors(pem: string): void {
    this.install(buildContext(this.leafNow, pem), this.leafNow, pem);
  }

  private install(client: tls.SecureContext, leaf: Leaf | null, anchors: string): void {
    this.client = client;
    this.leafNow = leaf;
    this.anchorsPem = anchors;
    this.epoch++;
    this.sessions.clear();
    for (const f of this.listeners) f();
  }

  /** Whether a certificate that was verified once, and ends then, has not ended since. */
  inForce(notAfter: number): boolean {
    return notAfter > this.wall();
  }

  /** For dialling peers; without a leaf yet it carries no client certificate (the first Certify needs that). */
  clientContext(): tls.SecureContext {
    return this.client;
  }
}

function buildContext(leaf: Leaf | null, ca: string): tls.SecureContext {
  if (!ca.includes('-----BEGIN CERTIFICATE-----')) throw new Error('the trust anchors hold no PEM certificate');
  return tls.createSecureContext({ ...TLS_OPTIONS, ca, ...(leaf === null ? {} : { key: leaf.key, cert: leaf.chain }) });
}

/** The first SAN of a peer's certificate, which is its identity (DNS name or URI); '' when it has none. */
export function identityOf(cert: X509Certificate | undefined): string {
  const first = /^(?:DNS|URI):([^,]+)/.exec(cert?.subjectAltName ?? '');
  return first?.[1] ?? '';
}

/** End of a certificate, milliseconds since the epoch. */
export function notAfter(cert: X509Certificate | undefined): number {
  return cert === undefined ? 0 : Date.parse(cert.validTo);
}

/** True when one of the certificate's DNS or URI SANs is exactly `name`. */
export function hasIdentity(cert: X509Certificate | undefined, name: string): boolean {
  return (cert?.subjectAltName ?? '').split(', ').some((san) => san === `DNS:${name}` || san === `URI:${name}`);
}
