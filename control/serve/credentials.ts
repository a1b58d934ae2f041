import type { KeyObject } from 'node:crypto';
import type { IdentityReport } from '../../api/identity-status.ts';

/** A leaf and what it takes to use it. PEM texts may hold several certificates. */
export interface Credentials {
  readonly key: KeyObject;
  /** PKCS#8 PEM of `key` */
  readonly keyPem: string;
  /** PEM: leaf, then intermediates */
  readonly chain: string;
  /** PEM: trust anchors */
  readonly anchors: string;
  /** DNS-shaped identity in the leaf's first SAN */
  readonly name: string;
  /** end of the leaf, milliseconds since the epoch */
  readonly notAfter: number;
}

/** The mesh identity of a control process; certificates are renewed behind it. */
export interface MeshIdentity {
  /** the newest credentials; null until there are any */
  current(): Credentials | null;
  /** calls back with every later set of credentials (new leaf or new anchors); returns what unsubscribes */
  onChange(listener: (credentials: Credentials) => void): () => void;
  /** settles with the first credentials */
  readonly ready: Promise<void>;
  stop(): void;
}

/** What a process says of itself on its admin port. */
export function reportOf(identity: Pick<MeshIdentity, 'current'>): IdentityReport {
  const now = identity.current();
  return { identity: now?.name ?? '', chain: now?.chain ?? '', anchors: now?.anchors ?? '' };
}
