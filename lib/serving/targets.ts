import type { KubeClient, Patch } from '../kube/client.ts';
import { isNotFound } from '../kube/error.ts';
import type { Resource } from '../kube/resources.ts';
import type { KubeObject } from '../kube/types.ts';

/** A cluster-scoped object that tells the API server whose certificates to trust. */
export interface CaTarget {
  resource: Resource;
  name: string;
  /** Writes `ca` (PEM) into the object where it holds something else; an object that is not there is not an error. Throws KubeError. */
  trust(kube: KubeClient, ca: string): Promise<void>;
}

type WebhookConfiguration = KubeObject & { webhooks?: { name: string; clientConfig: { caBundle?: string } }[] };
type ApiService = KubeObject & { spec: { caBundle?: string; insecureSkipTLSVerify?: boolean } };

export const MUTATING_WEBHOOK_CONFIGURATIONS: Resource<WebhookConfiguration> = {
  group: 'admissionregistration.k8s.io', version: 'v1', plural: 'mutatingwebhookconfigurations', kind: 'MutatingWebhookConfiguration', namespaced: false,
};
export const VALIDATING_WEBHOOK_CONFIGURATIONS: Resource<WebhookConfiguration> = {
  group: 'admissionregistration.k8s.io', version: 'v1', plural: 'validatingwebhookconfigurations', kind: 'ValidatingWebhookConfiguration', namespaced: false,
};
export const API_SERVICES: Resource<ApiService> = {
  group: 'apiregistration.k8s.io', version: 'v1', plural: 'apiservices', kind: 'APIService', namespaced: false,
};

const encode = (pem: string): string => Buffer.from(pem).toString('base64');

function target<T extends KubeObject>(resource: Resource<T>, name: string, patch: (object: T, bundle: string) => Patch | null): CaTarget {
  return {
    resource,
    name,
    async trust(kube, ca) {
      try {
        const change = patch(await kube.get(resource, name), encode(ca));
        if (change !== null) await kube.patch(resource, name, undefined, change);
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    },
  };
}

/** Every webhook of one configuration. The tests in the patch make it fail when the list changed in between. */
export function webhookConfiguration(name: string, resource = MUTATING_WEBHOOK_CONFIGURATIONS): CaTarget {
  return target(resource, name, (object, bundle) => {
    const body = (object.webhooks ?? []).flatMap((w, i) => (w.clientConfig.caBundle === bundle ? [] : [
      { op: 'test', path: `/webhooks/${i}/name`, value: w.name },
      { op: 'add', path: `/webhooks/${i}/clientConfig/caBundle`, value: bundle },
    ]));
    return body.length === 0 ? null : { type: 'json', body };
  });
}

export function apiService(name: string): CaTarget {
  return target(API_SERVICES, name, (object, bundle) => (
    object.spec.caBundle === bundle && !object.spec.insecureSkipTLSVerify ? null : { type: 'merge', body: { spec: { caBundle: bundle, insecureSkipTLSVerify: null } } }
  ));
}
