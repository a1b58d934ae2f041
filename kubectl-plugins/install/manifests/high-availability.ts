import type { V1DeploymentSpec, V1PodDisruptionBudget, V1PodSpec } from '@kubernetes/client-node';
import type { MeshConfig } from '../../../api/config.ts';
import { labelsOf, selectorOf, type Component, type Manifest } from './object.ts';
import { WORKLOAD_SERVICES, workloadsOf } from './rbac.ts';

type Wish = Pick<MeshConfig, 'highAvailability'>;

/** One that ends, and one that a drained node takes meanwhile, still leave one. */
const REPLICAS = 3;
const SPREAD_OVER = ['kubernetes.io/hostname', 'topology.kubernetes.io/zone'];

export function replicasOf({ highAvailability = false }: Wish): number {
  return highAvailability ? REPLICAS : 1;
}

/** A rollout leaves two replicas ready at every moment. One replica has what Kubernetes does by default: the new one is ready before the old one goes. */
export function rolloutOf({ highAvailability = false }: Wish): Pick<V1DeploymentSpec, 'strategy'> {
  return highAvailability ? { strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 1 } } } : {};
}

/**
 * Spreads over nodes and zones where there are several, and schedules on one all the same. Each version of the template is spread by itself, as otherwise the
 * replicas of the version before would push the new ones together (matchLabelKeys, on by default since Kubernetes 1.27).
 */
export function spreadOf({ highAvailability = false }: Wish, component: Component): Pick<V1PodSpec, 'topologySpreadConstraints'> {
  if (!highAvailability) return {};
  return {
    topologySpreadConstraints: SPREAD_OVER.map((topologyKey) => ({
      maxSkew: 1, topologyKey, whenUnsatisfiable: 'ScheduleAnyway', labelSelector: { matchLabels: selectorOf(component) }, matchLabelKeys: ['pod-template-hash'],
    })),
  };
}

/** Who drains nodes takes one replica at a time. maxUnavailable, since minAvailable would hold up a drain for ever where somebody has scaled down. */
export function disruptionBudgets(config: MeshConfig): Manifest[] {
  if (!config.highAvailability) return [];
  return workloadsOf(config).map((name): V1PodDisruptionBudget & Manifest => {
    const { component } = WORKLOAD_SERVICES[name];
    return {
      apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name, namespace: config.controlNamespace, labels: labelsOf(component) },
      spec: { maxUnavailable: 1, selector: { matchLabels: selectorOf(component) } },
    };
  });
}
