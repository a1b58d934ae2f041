import { RESOURCES, type Resource } from '../../lib/kube/resources.ts';
import type { Condition, KubeObject } from '../../lib/kube/types.ts';

type ClientConfig = { name: string; clientConfig: { caBundle?: string; service?: { name: string; namespace: string } } };

/** MutatingWebhookConfiguration or ValidatingWebhookConfiguration, as far as commands read it. */
export type WebhookConfiguration = KubeObject & { webhooks?: ClientConfig[] };
/** APIService, as far as commands read it. */
export type ApiService = KubeObject & { spec: { caBundle?: string; insecureSkipTLSVerify?: boolean }; status?: { conditions?: Condition[] } };

function resource<T extends KubeObject>(group: string, plural: string, kind: string, namespaced: boolean): Resource<T> {
  return { group, version: 'v1', plural, kind, namespaced };
}

const RBAC = 'rbac.authorization.k8s.io';

/** Kinds that install creates, besides those of lib/kube. */
export const KINDS = {
  ...RESOURCES,
  roles: resource<KubeObject>(RBAC, 'roles', 'Role', true),
  rolebindings: resource<KubeObject>(RBAC, 'rolebindings', 'RoleBinding', true),
  clusterroles: resource<KubeObject>(RBAC, 'clusterroles', 'ClusterRole', false),
  clusterrolebindings: resource<KubeObject>(RBAC, 'clusterrolebindings', 'ClusterRoleBinding', false),
  customresourcedefinitions: resource<KubeObject>('apiextensions.k8s.io', 'customresourcedefinitions', 'CustomResourceDefinition', false),
  poddisruptionbudgets: resource<KubeObject>('policy', 'poddisruptionbudgets', 'PodDisruptionBudget', true),
  apiservices: resource<ApiService>('apiregistration.k8s.io', 'apiservices', 'APIService', false),
  mutatingwebhookconfigurations: resource<WebhookConfiguration>('admissionregistration.k8s.io', 'mutatingwebhookconfigurations', 'MutatingWebhookConfiguration', false),
  validatingwebhookconfigurations: resource<WebhookConfiguration>('admissionregistration.k8s.io', 'validatingwebhookconfigurations', 'ValidatingWebhookConfiguration', false),
} as const;

const BY_KIND = new Map<string, Resource>(Object.values(KINDS).map((r) => [r.kind, r]));

/** The resource of a kind that install creates; throws for any other, which is a mistake in the manifests. */
export function resourceOf(object: { kind?: string | undefined }): Resource {
  const found = BY_KIND.get(object.kind ?? '');
  if (!found) throw new Error(`no resource is known for kind ${object.kind}`);
  return found;
}

/** e.g. "Deployment mesh-system/mesh-control". */
export function nameOf(object: { kind?: string | undefined; metadata: { name: string; namespace?: string } }): string {
  const { name, namespace } = object.metadata;
  return `${object.kind} ${namespace ? `${namespace}/` : ''}${name}`;
}
