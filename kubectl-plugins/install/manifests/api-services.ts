import type { V1APIService } from '@kubernetes/client-node';
import { METRICS_GROUP, METRICS_VERSION, TAP_GROUP, TAP_VERSION } from '../../../api/metrics-api.ts';
import { SERVICES } from '../../../api/names.ts';
import { labelsOf, type Manifest } from './object.ts';

/**
 * Registers the aggregated APIs. `caBundle` is left out: the control plane makes its serving certificate by itself and writes the bundle,
 * and server-side apply leaves alone the fields that a manifest does not name.
 */
export function apiServices(namespace: string): (V1APIService & Manifest)[] {
  return [apiService(METRICS_GROUP, METRICS_VERSION), apiService(TAP_GROUP, TAP_VERSION)];

  function apiService(group: string, version: string): V1APIService & Manifest {
    return {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: `${version}.${group}`, labels: labelsOf('control') },
      spec: { group, version, groupPriorityMinimum: 1000, versionPriority: 100, service: { name: SERVICES.api, namespace, port: 443 } },
    };
  }
}
