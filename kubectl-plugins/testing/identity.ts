import { STATUS_KEY, type IdentityStatus } from '../../api/identity-status.ts';
import type { ConfigMap } from '../../lib/kube/types.ts';
import type { FakeCluster } from './fake-cluster.ts';

const at = (day: number): string => `2026-01-${String(day).padStart(2, '0')}T00:00:00Z`;

/** A mesh at rest, with dates around START of testing/io.ts. */
export function identityStatusOf(more: Partial<IdentityStatus> = {}): IdentityStatus {
  return {
    authority: 'automatic',
    phase: 'Stable',
    anchors: [{ role: 'active', fingerprint: 'a1'.repeat(32), subject: 'CN=root.identity.mesh-system.cluster.local, OU=20251231T000000Z', notBefore: '2025-12-31T00:00:00Z', notAfter: '2026-12-31T00:00:00Z' }],
    issuer: { fingerprint: 'b2'.repeat(32), subject: 'CN=identity.mesh-system.cluster.local, OU=20251231T000000Z', notBefore: '2025-12-31T00:00:00Z', notAfter: at(30) },
    next: { what: 'issuer renewed', at: at(20) },
    handled: {},
    ...more,
  };
}

/** What mesh-identity writes. */
export function tellIdentity(cluster: FakeCluster, status: IdentityStatus): void {
  const known = cluster.find('configmaps/mesh-system/mesh-identity-status');
  cluster.put({ ...known, apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...known?.metadata, name: 'mesh-identity-status', namespace: 'mesh-system' }, data: { [STATUS_KEY]: JSON.stringify(status) } } as ConfigMap);
}
