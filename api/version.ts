/** Version of the whole mesh: CLI, control plane, proxy and images are released together. */
export const VERSION = '0.1.0';

/** Image names without a tag; `--registry` at install replaces the part before the first slash. */
export const DEFAULT_REGISTRY = 'kubectl-mesh.io';
export const IMAGES = { control: 'control', proxy: 'proxy', sample: 'sample' } as const;

/** e.g. kubectl-mesh.io/proxy:0.1.0 */
export function imageRef(name: keyof typeof IMAGES, registry = DEFAULT_REGISTRY, version = VERSION): string {
  return `${registry}/${IMAGES[name]}:${version}`;
}

/** Minor versions of Kubernetes that install accepts: native sidecars are on by default from 1.29. */
export const MIN_KUBERNETES = { major: 1, minor: 29 };
