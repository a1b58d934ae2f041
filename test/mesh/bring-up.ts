/** From nothing to a cluster with the mesh installed, as the demo and the end-to-end tests need it. */
import type { BuiltImage } from '../../images/build.ts';
import { DEFAULT_CONTROL_NAMESPACE } from '../../api/names.ts';
import { choose, type Choice } from '../cluster/choose.ts';
import { exec } from '../cluster/exec.ts';
import type { Cluster, ClusterProvider } from '../cluster/provider.ts';
import type { MeshEnv } from './env.ts';
import { MeshError } from './errors.ts';
import { buildAllImages, buildPlugin, loadImages } from './images.ts';
import { install, namespaceExists, uninstall } from './install.ts';
import { kubeFor, type Kube } from './kube.ts';
import { abandonable, type Run } from './run.ts';

export interface BringUpOptions {
  /** of the cluster; a new one is made where none of this name runs */
  name: string;
  choice: Choice;
  /** where the cluster pulls images from, for one that they cannot be loaded into */
  registry?: string;
}

export interface Up {
  /** programs that end with the run */
  kube: Kube;
  /** programs for taking back, which a Ctrl-C does not end */
  cleaner: Kube;
  provider: ClusterProvider;
  /** the run made the cluster; it goes as a whole */
  madeCluster: boolean;
  /** names of images that running pods may have in an older form */
  loaded: Set<string>;
}

/** A Ready cluster, this checkout's plugin, and its images on the nodes. What the run makes is noted for taking back. */
export async function bringUpCluster(run: Run, env: MeshEnv, options: BringUpOptions): Promise<Up> {
  const provider = await choose(options.choice, env.cluster, exec);
  if (provider.name === 'existing' && options.registry === undefined) {
    throw new MeshError(
      'Images cannot be put on the nodes of a cluster that somebody else runs: they are pulled from a registry. Build them with `npm run images -- --out dist/images`, push what is in that folder to a registry that the nodes can reach, and name it with --registry.',
    );
  }
  const found = provider.name === 'existing' || (await provider.find(options.name)) !== undefined;
  if (!found) run.onTakeBack(`cluster "${options.name}"`, () => provider.down(options.name, run.log));
  const [cluster, images] = await run.together<[Cluster, BuiltImage[]]>(
    () => provider.up({ name: options.name, log: (line) => run.log(`  ${line}`), signal: run.signal }),
    () => programs(run, env, options.registry === undefined),
  );
  const kube = await kubeFor(cluster, env.root, env.vars, run.exec);
  run.atEnd(() => kube.close());
  const loaded = images.length === 0 ? [] : await run.step('Loading images into the nodes', () => loadImages(kube, images, (line) => run.log(`  ${line}`)));
  return { kube, cleaner: kube.using(exec), provider, madeCluster: !found, loaded: new Set(loaded.map((image) => image.name)) };
}

/** The plugin, then the images unless they come from a registry: one after the other, because both bundle into dist/. */
async function programs(run: Run, env: MeshEnv, withImages: boolean): Promise<BuiltImage[]> {
  await run.step('Building kubectl-mesh', () => abandonable(run.signal, buildPlugin(env)));
  return withImages ? run.step('Building images', () => abandonable(run.signal, buildAllImages(env))) : [];
}

/** `kubectl mesh install`, over an install that is there already. */
export async function bringUpMesh(run: Run, up: Up, registry?: string): Promise<void> {
  const again = await namespaceExists(up.kube, DEFAULT_CONTROL_NAMESPACE);
  if (!again && !up.madeCluster) run.onTakeBack('the mesh', () => uninstall(up.cleaner));
  const args = registry === undefined ? [] : ['--registry', registry];
  await run.step('Running kubectl mesh install', () => install(up.kube, { again, restart: up.loaded.has('control'), args, log: run.log }));
}
