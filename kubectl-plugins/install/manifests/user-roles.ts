import { METRICS_GROUP, TAP_GROUP } from '../../../api/metrics-api.ts';
import { GROUP } from '../../../api/names.ts';
import type { PolicyRule } from '../../../api/rbac.ts';
import { labelsOf, type Manifest } from './object.ts';

/** Kinds that can be tapped, as the plural in the tap URL. */
const TAPPED = ['deployments', 'statefulsets', 'daemonsets', 'jobs', 'cronjobs', 'replicasets', 'pods', 'namespaces'];

/** Kinds of our group that people write, as they write NetworkPolicies. */
const POLICIES = ['authorizationpolicies', 'httpfaults'];

/**
 * Rights of people, added to the ClusterRoles that Kubernetes brings: who may view workloads may see their traffic figures and the
 * policies about them; who may edit or administer them may write those policies, and also watch single requests, whose paths can hold private data.
 */
export function userRoles(): (Manifest & { rules: PolicyRule[] })[] {
  return [
    role('kubectl-mesh:view', ['view', 'edit', 'admin'], [
      { apiGroups: [METRICS_GROUP], resources: ['trafficmetrics', 'trafficedges'], verbs: ['get', 'list'] },
      { apiGroups: [GROUP], resources: POLICIES, verbs: ['get', 'list', 'watch'] },
    ]),
    role('kubectl-mesh:edit', ['edit', 'admin'], [
      { apiGroups: [GROUP], resources: POLICIES, verbs: ['create', 'update', 'patch', 'delete', 'deletecollection'] },
    ]),
    role('kubectl-mesh:tap', ['edit', 'admin'], [
      { apiGroups: [TAP_GROUP], resources: TAPPED.map((kind) => `${kind}/tap`), verbs: ['watch'] },
    ]),
  ];
}

function role(name: string, into: string[], rules: PolicyRule[]): Manifest & { rules: PolicyRule[] } {
  const aggregate = Object.fromEntries(into.map((target) => [`rbac.authorization.k8s.io/aggregate-to-${target}`, 'true']));
  return { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name, labels: labelsOf('install', aggregate) }, rules };
}
