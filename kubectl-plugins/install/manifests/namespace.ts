import type { V1Namespace } from '@kubernetes/client-node';
import { labelsOf, type Manifest } from './object.ts';

/** The control namespace. Its pods meet the restricted Pod Security Standard, so the namespace asks for it. */
export function namespace(name: string): V1Namespace & Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: labelsOf('install', { 'pod-security.kubernetes.io/enforce': 'restricted' }) },
  };
}
