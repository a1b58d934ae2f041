import type { MeshConfig } from '../../../api/config.ts';
import { CANARY_WORKLOAD, CONTROL_WORKLOAD, IDENTITY_WORKLOAD } from '../../../api/names.ts';
import { RBAC_BUILTIN_ROLES, RBAC_OWN_NAMESPACE, rulesOf, type PolicyRule, type RbacService } from '../../../api/rbac.ts';
import { labelsOf, type Component, type Manifest } from './object.ts';

type Role = Manifest & { rules: PolicyRule[] };
type Binding = Manifest & {
  roleRef: { apiGroup: string; kind: string; name: string };
  subjects: { kind: string; name: string; namespace: string }[];
};

const API_VERSION = 'rbac.authorization.k8s.io/v1';

/** Which services run in which Deployment of the default install, in the order of the command line of control/main.ts. */
export const WORKLOAD_SERVICES = {
  [IDENTITY_WORKLOAD]: { component: 'identity', services: ['identity'] },
  [CONTROL_WORKLOAD]: { component: 'control', services: ['destination', 'policy', 'anchors', 'injector', 'metrics', 'tap'] },
  [CANARY_WORKLOAD]: { component: 'canary', services: ['canary'] },
} as const satisfies Record<string, { component: Component; services: readonly RbacService[] }>;

export type WorkloadName = keyof typeof WORKLOAD_SERVICES;

/** The Deployments of an install. */
export function workloadsOf({ canary = false }: Pick<MeshConfig, 'canary'>): WorkloadName[] {
  return (Object.keys(WORKLOAD_SERVICES) as WorkloadName[]).filter((name) => name !== CANARY_WORKLOAD || canary);
}

/** ClusterRoles, Roles in the control namespace, and their bindings, for the ServiceAccounts of all Deployments. */
export function rbac(config: MeshConfig): (Role | Binding)[] {
  const namespace = config.controlNamespace;
  return workloadsOf(config).map((name) => [name, WORKLOAD_SERVICES[name]] as const).flatMap(([account, { component, services }]) => [
    ...clusterWide(account, component, services, namespace),
    ...inOwnNamespace(account, component, services, namespace),
    ...builtIn(account, component, services, namespace),
  ]);
}

function clusterWide(account: string, component: Component, services: readonly RbacService[], namespace: string): (Role | Binding)[] {
  const labels = labelsOf(component);
  // Cluster-wide names carry our group, so that they meet nobody else's `mesh-control`.
  const name = `kubectl-mesh:${account}`;
  return [
    { apiVersion: API_VERSION, kind: 'ClusterRole', metadata: { name, labels }, rules: rulesOf(services) },
    binding('ClusterRoleBinding', { name, labels }, 'ClusterRole', name, account, namespace),
  ];
}

function inOwnNamespace(account: string, component: Component, services: readonly RbacService[], namespace: string): (Role | Binding)[] {
  const metadata = { name: account, namespace, labels: labelsOf(component) };
  return [
    { apiVersion: API_VERSION, kind: 'Role', metadata, rules: rulesOf(services, RBAC_OWN_NAMESPACE) },
    binding('RoleBinding', metadata, 'Role', account, account, namespace),
  ];
}

function builtIn(account: string, component: Component, services: readonly RbacService[], namespace: string): Binding[] {
  const roles = new Map(services.flatMap((s) => RBAC_BUILTIN_ROLES[s]).map((r) => [`${r.namespace}/${r.role}`, r]));
  return [...roles.values()].map((r) =>
    binding('RoleBinding', { name: `kubectl-mesh:${account}:${r.role}`, namespace: r.namespace, labels: labelsOf(component) }, 'Role', r.role, account, namespace));
}

function binding(kind: 'ClusterRoleBinding' | 'RoleBinding', metadata: Manifest['metadata'], roleKind: string, role: string, account: string, namespace: string): Binding {
  return {
    apiVersion: API_VERSION,
    kind,
    metadata,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: roleKind, name: role },
    subjects: [{ kind: 'ServiceAccount', name: account, namespace }],
  };
}
