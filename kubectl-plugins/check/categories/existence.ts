import { CRDS } from '../../../api/crds/all.ts';
import { ANCHORS_CONFIG_MAP, CONFIG_MAP, CONTROL_WORKLOAD, DEFAULT_CONTROL_NAMESPACE, IDENTITY_WORKLOAD, ISSUER_SECRET, SERVICES, VALIDATOR_CONFIGURATION, WEBHOOK_CONFIGURATION } from '../../../api/names.ts';
import { API_SERVICES } from '../../../api/webhooks.ts';
import type { Resource } from '../../../lib/kube/resources.ts';
import { find } from '../../shared/installed.ts';
import { KINDS } from '../../shared/kinds.ts';
import { CheckFailure, type Category, type Check } from '../types.ts';

const ROLES = [`kubectl-mesh:${IDENTITY_WORKLOAD}`, `kubectl-mesh:${CONTROL_WORKLOAD}`];

export const existence: Category = {
  name: 'control-plane-existence',
  checks: [
    { ...exist('control plane namespace exists', KINDS.namespaces, [DEFAULT_CONTROL_NAMESPACE]), fatal: true },
    exist('control plane ClusterRoles exist', KINDS.clusterroles, ROLES),
    exist('control plane ClusterRoleBindings exist', KINDS.clusterrolebindings, ROLES),
    exist('control plane ServiceAccounts exist', KINDS.serviceaccounts, [IDENTITY_WORKLOAD, CONTROL_WORKLOAD]),
    exist('control plane ConfigMaps exist', KINDS.configmaps, [CONFIG_MAP, ANCHORS_CONFIG_MAP]),
    exist('control plane Secrets exist', KINDS.secrets, [ISSUER_SECRET]),
    exist('kinds of the mesh exist', KINDS.customresourcedefinitions, CRDS.map((one) => one.metadata.name)),
    exist('control plane Services exist', KINDS.services, Object.values(SERVICES)),
    exist('control plane Deployments exist', KINDS.deployments, [IDENTITY_WORKLOAD, CONTROL_WORKLOAD]),
    exist('control plane webhooks exist', KINDS.mutatingwebhookconfigurations, [WEBHOOK_CONFIGURATION]),
    exist('control plane validating webhooks exist', KINDS.validatingwebhookconfigurations, [VALIDATOR_CONFIGURATION]),
    exist('control plane APIServices exist', KINDS.apiservices, API_SERVICES),
  ],
};

function exist(description: string, resource: Resource, names: readonly string[]): Check {
  return {
    description,
    hint: 'existence',
    test: async (c) => {
      const missing: string[] = [];
      for (const name of names) {
        const at = resource.namespaced ? { name, namespace: DEFAULT_CONTROL_NAMESPACE } : { name };
        if (!(await find(c.kube(), resource, at, c.io.signal))) missing.push(name);
      }
      if (missing.length > 0) throw new CheckFailure(`missing: ${missing.join(', ')}`);
    },
  };
}
