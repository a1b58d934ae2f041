import { keyOf } from '../../lib/kube/store.ts';
import type { KubeObject } from '../../lib/kube/types.ts';

/** Oldest first, then by namespace/name: who wins where several objects are about the same (Gateway API, conflict resolution). */
export function byAge(a: KubeObject, b: KubeObject): number {
  const [x, y] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
  if (x !== y) return x < y ? -1 : 1;
  return keyOf(a) < keyOf(b) ? -1 : 1;
}
