import type { MeshConfig } from '../../api/config.ts';
import { CONFIG_MAP, LABELS, PART_OF } from '../../api/names.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { find, readConfig } from '../shared/installed.ts';
import { nameOf, resourceOf } from '../shared/kinds.ts';
import { inParallel } from '../shared/poll.ts';
import type { Manifest } from './manifests/object.ts';

/** What of an install is in the cluster already. */
export interface Inventory {
  /** names (nameOf) of the objects that exist */
  present: Set<string>;
  absent: Manifest[];
  /** version of the install that wrote mesh-config, when there is one */
  version: string | undefined;
  /** whether that install has three replicas */
  highAvailability: boolean;
  /** who keeps the certificate authority of that install */
  authority: MeshConfig['identity']['authority'] | undefined;
  /** the control namespace exists, and is not known to be ours */
  foreignNamespace: boolean;
  /** the control namespace is being deleted */
  terminating: boolean;
}

export async function takeInventory(kube: KubeClient, objects: readonly Manifest[], signal: AbortSignal): Promise<Inventory> {
  const found = await inParallel(objects, 6, async (object) => ({ object, live: await find(kube, resourceOf(object), object.metadata, signal) }));
  const namespace = found.find(({ object }) => object.kind === 'Namespace')?.live;
  const config = found.find(({ object }) => object.kind === 'ConfigMap' && object.metadata.name === CONFIG_MAP)?.live;
  const known = readConfig(config);
  return {
    present: new Set(found.filter(({ live }) => live).map(({ object }) => nameOf(object))),
    absent: found.filter(({ live }) => !live).map(({ object }) => object),
    version: known?.version,
    highAvailability: known?.highAvailability === true,
    authority: known?.identity?.authority,
    foreignNamespace: namespace !== undefined && namespace.metadata.labels?.[LABELS.partOf] !== PART_OF,
    terminating: namespace?.metadata.deletionTimestamp !== undefined,
  };
}
