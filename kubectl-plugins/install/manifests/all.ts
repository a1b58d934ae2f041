import { stringify } from 'yaml';
import type { MeshConfig } from '../../../api/config.ts';
import { PORTS } from '../../../api/ports.ts';
import { mutatingWebhookConfiguration, validatingWebhookConfiguration } from '../../../api/webhooks.ts';
import { apiServices } from './api-services.ts';
import { authorityObjects, configMap, policySettings, type GivenAuthority } from './config.ts';
import { customResourceDefinitions } from './crds.ts';
import { deployments } from './deployments.ts';
import { disruptionBudgets } from './high-availability.ts';
import { namespace } from './namespace.ts';
import type { Manifest } from './object.ts';
import { rbac } from './rbac.ts';
import { serviceAccounts } from './service-accounts.ts';
import { services } from './services.ts';
import { userRoles } from './user-roles.ts';

/**
 * Everything that an install consists of, in the order in which it is applied: what others refer to comes first, what takes effect on other
 * people's objects (the webhooks) last.
 */
export function manifests(config: MeshConfig, given?: GivenAuthority): Manifest[] {
  const ns = config.controlNamespace;
  return [
    namespace(ns),
    ...customResourceDefinitions(),
    ...serviceAccounts(config),
    ...rbac(config),
    ...userRoles(),
    configMap(config),
    policySettings(config),
    ...authorityObjects(config, given),
    ...services(ns, PORTS),
    ...disruptionBudgets(config),
    ...deployments(config),
    ...apiServices(ns),
    validatingWebhookConfiguration(config),
    mutatingWebhookConfiguration(config),
  ];
}

/** The manifests as one YAML stream or one JSON List, for `kubectl apply -f -`. */
export function render(objects: readonly Manifest[], format: 'yaml' | 'json'): string {
  if (format === 'json') return `${JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }, null, 2)}\n`;
  return objects.map((o) => `---\n${stringify(o, { lineWidth: 0, aliasDuplicateObjects: false })}`).join('');
}
