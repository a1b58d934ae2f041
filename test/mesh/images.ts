/** Bundles and images: built when their content changed, put on the nodes that lack them. */
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { buildImages, type BuiltImage } from '../../images/build.ts';
import { SPECS, type ImageSpec } from '../../images/images.ts';
import { availableTargets, bundle, generateApi, TARGETS, writeLaunchers } from '../../scripts/bundle.ts';
import type { Progress } from '../cluster/provider.ts';
import type { MeshEnv } from './env.ts';
import type { Kube } from './kube.ts';

/** Builds dist/kubectl-mesh, what `kubectl mesh` runs. */
export async function buildPlugin(env: MeshEnv): Promise<void> {
  generateApi(env.root);
  const dist = join(env.root, 'dist');
  await writeLaunchers(dist);
  await bundle(env.root, dist, await availableTargets(env.root, TARGETS.filter((target) => target.name === 'mesh')));
}

/** Builds the images for the architecture of this machine; what has not changed is taken from the cache. */
export function buildAllImages(env: MeshEnv, specs: ImageSpec[] = Object.values(SPECS)): Promise<BuiltImage[]> {
  return buildImages(specs, { root: env.root, cacheDir: env.imageCacheDir, arch: process.arch, log: () => undefined });
}

/** What a cluster's nodes were given: beside its kubeconfig, so that it goes with the cluster. */
interface Loaded {
  /** of namespace kube-system: another cluster at the same place has another */
  cluster: string;
  /** image id by reference */
  images: Record<string, string>;
}

interface Node { status?: { images?: { names?: string[] }[] } }

/** Loads the images that the nodes lack, one after the other. Returns those that were loaded. Throws ClusterError. */
export async function loadImages(kube: Kube, images: BuiltImage[], log: Progress): Promise<BuiltImage[]> {
  const { cluster } = kube;
  const record = join(dirname(cluster.kubeconfigPath), 'loaded-images.json');
  const { metadata } = await kube.json<{ metadata: { uid: string } }>('identify the cluster', ['get', 'namespace', 'kube-system']);
  const nodes = await kube.json<{ items: Node[] }>('list the images of the nodes', ['get', 'nodes']);
  const everywhere = (ref: string) => nodes.items.every((node) => node.status?.images?.some(({ names }) => names?.includes(ref)));
  const known = await readFile(record, 'utf8').then((text) => JSON.parse(text) as Loaded, () => undefined);
  const given = known?.cluster === metadata.uid ? known.images : {};
  const lacking = images.filter(({ ref, id }) => given[ref] !== id || !everywhere(ref));
  for (const image of lacking) {
    await cluster.loadImage(image.file);
    given[image.ref] = image.id;
    await writeFile(record, JSON.stringify({ cluster: metadata.uid, images: given } satisfies Loaded));
    log(`loaded ${image.ref} (${(image.bytes / 2 ** 20).toFixed(0)} MiB)`);
  }
  return lacking;
}
