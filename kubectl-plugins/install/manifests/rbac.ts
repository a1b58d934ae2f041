import { CONTROL_WORKLOAD, IDENTITY_WORKLOAD } from '../../../api/names.ts';
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
} as const satisfies Record<string, { component: Component; services: readonly RbacService[] }>;

/** ClusterRoles, Roles in the control namespace, and their bindings, for the ServiceAccounts of both Deployments. */
export function rbac(namespace: string): (Role | Binding)[] {
  return Object.entries(WORKLOAD_SERVICES).flatMap(([account, { component, services }]) => [
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
