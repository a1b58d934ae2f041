import { parse } from 'yaml';
import type { MeshConfig } from '../../api/config.ts';
import { CONFIG_KEY, CONFIG_MAP } from '../../api/names.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { isNotFound } from '../../lib/kube/error.ts';
import type { Resource } from '../../lib/kube/resources.ts';
import type { ConfigMap, KubeObject } from '../../lib/kube/types.ts';
import { KINDS } from './kinds.ts';

/** The object, or undefined when there is none. */
export async function find<T extends KubeObject>(kube: KubeClient, resource: Resource<T>, at: { name: string; namespace?: string }, signal?: AbortSignal): Promise<T | undefined> {
  try {
    return await kube.get(resource, at.name, at.namespace, signal);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** The configuration in mesh-config; undefined when the text is missing or no YAML mapping. Fields are as somebody wrote them. */
export function readConfig(config: ConfigMap | undefined): Partial<MeshConfig> | undefined {
  const text = config?.data?.[CONFIG_KEY];
  if (text === undefined) return undefined;
  try {
    const value: unknown = parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Version of the control plane in the cluster; undefined when the mesh is not installed. */
export async function installedVersion(kube: KubeClient, namespace: string, signal?: AbortSignal): Promise<string | undefined> {
  return readConfig(await find(kube, KINDS.configmaps, { name: CONFIG_MAP, namespace }, signal))?.version;
}
