import type { KubeClient } from '../lib/kube/client.ts';
import { isNotFound } from '../lib/kube/error.ts';
import { RESOURCES, type Resource, pathOf } from '../lib/kube/resources.ts';
import type { Metadata } from './metadata.ts';

/** The workload behind a pod, as an event can refer to it. */
export interface Owner { apiVersion: string; kind: string; name: string; uid: string }

/** Kinds that are often made by another kind, which is the one that people know. */
const INTERMEDIATE = new Map<string, Resource>([['apps/v1/ReplicaSet', RESOURCES.replicasets], ['batch/v1/Job', RESOURCES.jobs]]);
const METADATA_ONLY = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json';

function controllerOf(metadata: Metadata | undefined): Owner | undefined {
  const found = metadata?.ownerReferences?.find((o) => o.controller === true);
  return found === undefined ? undefined : { apiVersion: found.apiVersion, kind: found.kind, name: found.name, uid: found.uid };
}

/**
 * Follows controller references upwards, a pod's ReplicaSet to its Deployment and a Job to its CronJob; undefined for a pod that nobody
 * controls. An owner that is already gone counts as the last one. Throws KubeError.
 */
export async function ownerOf(kube: Pick<KubeClient, 'json'>, metadata: Metadata | undefined, namespace: string): Promise<Owner | undefined> {
  const direct = controllerOf(metadata);
  const resource = direct === undefined ? undefined : INTERMEDIATE.get(`${direct.apiVersion}/${direct.kind}`);
  if (direct === undefined || resource === undefined) return direct;
  try {
    const between = await kube.json<{ metadata?: Metadata }>({
      path: pathOf(resource, namespace, direct.name), headers: { accept: METADATA_ONLY }, what: `get ${resource.plural} ${namespace}/${direct.name}`,
    });
    return controllerOf(between.metadata) ?? direct;
  } catch (error) {
    if (isNotFound(error)) return direct;
    throw error;
  }
}
