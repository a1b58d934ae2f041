import type { V1ServiceAccount } from '@kubernetes/client-node';
import type { MeshConfig } from '../../../api/config.ts';
import { labelsOf, type Manifest } from './object.ts';
import { WORKLOAD_SERVICES, workloadsOf } from './rbac.ts';

/** One ServiceAccount a Deployment, of the same name. */
export function serviceAccounts(config: MeshConfig): (V1ServiceAccount & Manifest)[] {
  return workloadsOf(config).map((name) => ({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name, namespace: config.controlNamespace, labels: labelsOf(WORKLOAD_SERVICES[name].component) },
  }));
}
