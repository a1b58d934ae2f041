import type { KubeClient } from '../../lib/kube/client.ts';
import { canI, missingAccess, type Access } from '../shared/access.ts';
import { CliError } from '../shared/errors.ts';
import { EXIT } from '../shared/exit.ts';
import { resourceOf } from '../shared/kinds.ts';
import { kubernetesVersion, MINIMUM } from '../shared/kubernetes-version.ts';
import type { Manifest } from './manifests/object.ts';

/** Throws when the cluster is too old; answers its version. */
export async function requireVersion(kube: KubeClient, signal: AbortSignal): Promise<string> {
  const version = await kubernetesVersion(kube, signal);
  if (version.supported) return version.text;
  throw new CliError(
    `The cluster runs Kubernetes ${version.text}, and the mesh needs ${MINIMUM} or newer, because its proxies are native sidecar containers. `
    + 'Upgrade the cluster, or choose another with --context.');
}

/** What installing takes: reading, creating and changing every kind that is installed. */
export function wantedAccess(objects: readonly Manifest[]): Access[] {
  const wanted = new Map<string, Access>();
  for (const object of objects) {
    const { group, plural, namespaced } = resourceOf(object);
    for (const verb of ['get', 'create', 'patch']) {
      const access: Access = { verb, group, resource: plural, ...(namespaced && { namespace: object.metadata.namespace! }) };
      wanted.set(JSON.stringify(access), access);
    }
  }
  return [...wanted.values()];
}

const SHOWN = 3;

/** Throws when the user lacks a permission that installing takes. */
export async function requireAccess(kube: KubeClient, objects: readonly Manifest[], signal: AbortSignal): Promise<void> {
  const missing = await missingAccess(kube, wantedAccess(objects), signal);
  if (missing.length === 0) return;
  const names = missing.map((a) => `${a.verb} ${a.resource}${a.namespace ? ` in ${a.namespace}` : ''}`);
  const shown = names.slice(0, SHOWN).join(', ') + (names.length > SHOWN ? ` and ${names.length - SHOWN} more` : '');
  throw new CliError(
    `You may not do everything that installing takes. Missing: ${shown}. Installing needs the rights of a cluster administrator; ask for them, `
    + `then check with: ${canI(missing[0]!)}`, EXIT.cluster);
}
