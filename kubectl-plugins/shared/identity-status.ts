import { STATUS_KEY, type IdentityStatus } from '../../api/identity-status.ts';
import { DEFAULT_CONTROL_NAMESPACE, IDENTITY_STATUS_CONFIG_MAP } from '../../api/names.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { find } from './installed.ts';
import { KINDS } from './kinds.ts';

/** What mesh-identity says of itself; 'absent' without the mesh, 'silent' before it has said anything. */
export async function identityStatus(kube: KubeClient, signal: AbortSignal): Promise<IdentityStatus | 'absent' | 'silent'> {
  const object = await find(kube, KINDS.configmaps, { name: IDENTITY_STATUS_CONFIG_MAP, namespace: DEFAULT_CONTROL_NAMESPACE }, signal);
  if (!object) return 'absent';
  try {
    const status = JSON.parse(object.data?.[STATUS_KEY] ?? '') as Partial<IdentityStatus> | null;
    return typeof status?.phase === 'string' && Array.isArray(status.anchors) ? { ...status, handled: status.handled ?? {} } as IdentityStatus : 'silent';
  } catch {
    return 'silent';
  }
}
