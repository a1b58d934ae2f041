import type { V1ServiceAccount } from '@kubernetes/client-node';
import { CONTROL_WORKLOAD, IDENTITY_WORKLOAD } from '../../../api/names.ts';
import { labelsOf, type Component, type Manifest } from './object.ts';

/** One ServiceAccount a Deployment, of the same name. */
export function serviceAccounts(namespace: string): (V1ServiceAccount & Manifest)[] {
  const account = (name: string, component: Component): V1ServiceAccount & Manifest => ({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name, namespace, labels: labelsOf(component) },
  });
  return [account(IDENTITY_WORKLOAD, 'identity'), account(CONTROL_WORKLOAD, 'control')];
}
