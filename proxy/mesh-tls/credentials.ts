import tls from 'node:tls';
import type { X509Certificate } from 'node:crypto';

/** TLS 1.3 only; AES-128-GCM first, which is the cheapest with hardware support. */
const TLS_OPTIONS = {
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
 * The proxy's certificate and the trust anchors, as TLS contexts that are replaced whole when either changes: connections that
 * exist keep the ones they were made with.
 */
export class Credentials {
  /** our DNS SAN */
  readonly name: string;
  private anchorsPem: string;
  private leafNow: Leaf | null = null;
  private client: tls.SecureContext | null = null;
  private server: tls.SecureContext | null = null;
  private readonly listeners = new Set<() => void>();

  constructor(name: string, anchorsPem: string) {
    this.name = name;
    this.anchorsPem = anchorsPem;
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
    const contexts = buildContexts(leaf, this.anchorsPem);
    this.leafNow = leaf;
    this.install(contexts);
  }

  /** Throws, and changes nothing, when the PEM text holds no certificate. */
  setAnchors(pem: string): void {
    const contexts = buildContexts(this.leafNow, pem);
    this.anchorsPem = pem;
    this.install(contexts);
  }

  private install(c: { client: tls.SecureContext; server: tls.SecureContext | null }): void {
    this.client = c.client;
    this.server = c.server;
    for (const f of this.listeners) f();
  }

  /** For dialling peers; without a leaf yet it carries no client certificate (the first Certify needs that). */
  clientContext(): tls.SecureContext {
    this.client ??= buildContexts(this.leafNow, this.anchorsPem).client;
    return this.client;
  }

  /** null until certified */
  serverContext(): tls.SecureContext | null {
    return this.server;
  }
}

function buildContexts(leaf: Leaf | null, ca: string): { client: tls.SecureContext; server: tls.SecureContext | null } {
  if (!ca.includes('-----BEGIN CERTIFICATE-----')) throw new Error('the trust anchors hold no PEM certificate');
  const own = leaf === null ? {} : { key: leaf.key, cert: leaf.chain };
  const client = tls.createSecureContext({ ...TLS_OPTIONS, ca, ...own });
  return { client, server: leaf === null ? null : tls.createSecureContext({ ...TLS_OPTIONS, ca, ...own, sessionTimeout: 600 }) };
}

/** The first SAN of a peer's certificate, which is its identity (DNS name or URI); '' when it has none. */
export function identityOf(cert: X509Certificate | undefined): string {
  const first = /^(?:DNS|URI):([^,]+)/.exec(cert?.subjectAltName ?? '');
  return first?.[1] ?? '';
}

/** True when one of the certificate's DNS or URI SANs is exactly `name`. */
export function hasIdentity(cert: X509Certificate | undefined, name: string): boolean {
  return (cert?.subjectAltName ?? '').split(', ').some((san) => san === `DNS:${name}` || san === `URI:${name}`);
}
