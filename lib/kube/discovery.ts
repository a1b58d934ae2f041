import type { KubeClient } from './client.ts';
import { isNotFound, KubeError } from './error.ts';
import { apiVersionOf, RESOURCES } from './resources.ts';
import type { Resource } from './resources.ts';
import type { KubeObject } from './types.ts';

interface ApiResourceList {
  resources: { name: string; kind: string; namespaced: boolean }[];
}

export interface Discovery {
  /**
   * The resource of an object by its apiVersion and kind: from the table when it is there, else asked of the server and remembered.
   *
   * @throws KubeError reason 'NoKindMatch' when the server has no such kind
   */
  resourceOf(object: KubeObject): Promise<Resource>;
  /** Forgets answers, after a CustomResourceDefinition or an APIService came. */
  reset(): void;
}

export function discovery(client: KubeClient): Discovery {
  const groups = new Map<string, Promise<ApiResourceList>>();

  function resourcesOf(apiVersion: string): Promise<ApiResourceList> {
    const known = groups.get(apiVersion);
    if (known) return known;
    const path = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const asked = client.json<ApiResourceList>({ path, what: `discover ${apiVersion}` });
    groups.set(apiVersion, asked);
    asked.catch(() => groups.delete(apiVersion));
    return asked;
  }

  return {
    async resourceOf({ apiVersion = '', kind = '' }) {
      const builtin = Object.values<Resource>(RESOURCES).find((r) => r.kind === kind && apiVersionOf(r) === apiVersion);
      if (builtin) return builtin;
      const list = await resourcesOf(apiVersion).catch((error: unknown) => {
        if (isNotFound(error)) return { resources: [] };
        throw error;
      });
      const found = list.resources.find((r) => r.kind === kind && !r.name.includes('/'));
      if (!found) {
        throw new KubeError(404, 'NoKindMatch', `the cluster has no kind ${kind} in ${apiVersion || 'an empty apiVersion'}; is its CustomResourceDefinition installed?`);
      }
      const [group, version] = apiVersion.includes('/') ? (apiVersion.split('/') as [string, string]) : ['', apiVersion];
      return { group, version, plural: found.name, kind, namespaced: found.namespaced };
    },
    reset: () => groups.clear(),
  };
}
