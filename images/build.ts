import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { VERSION } from '../api/version.ts';
import { availableTargets, bundle, generateApi, TARGETS } from '../scripts/bundle.ts';
import { imageId, writeArchive, type Image } from './archive.ts';
import { ImageError } from './errors.ts';
import { BASE_PACKAGES, environment, labels, SPECS, type ImageSpec } from './images.ts';
import { cachedLayer, fileSha256, keyOf, memoryLayer, removeOrphans, type Layer } from './layers.ts';
import { fetchPackages, type Locked, type PackageLock } from './packages.ts';
import { capabilityXattr, debianFiles, fileEntry, iptablesNames, skeleton } from './rootfs.ts';
import type { Entry } from './tar-write.ts';

/** Raised when the same inputs would now give other bytes. */
const RECIPE = 1;

/** Names of one architecture in Node, Debian and OCI. */
const ARCHITECTURES: Record<string, string> = { x64: 'amd64', arm64: 'arm64' };

export interface BuildOptions {
  /** root of the checkout, with node_modules installed */
  root: string;
  cacheDir: string;
  /** folder of the archives; `<cacheDir>/archives` when absent */
  out?: string;
  /** as process.arch: x64 or arm64 */
  arch: string;
  log: (line: string) => void;
}

export interface BuiltImage {
  name: string;
  /** name with tag, e.g. kubectl-mesh.io/proxy:0.1.0 */
  ref: string;
  /** the archive: OCI layout and docker-archive at once */
  file: string;
  /** sha256:… of the config; equal content has equal ids */
  id: string;
  bytes: number;
}

/** The image's config as OCI has it (image-spec config.md, `config`). */
function runConfig(spec: ImageSpec): Record<string, unknown> {
  return { User: String(spec.uid), Env: environment(spec), Entrypoint: spec.entrypoint, WorkingDir: '/', Labels: labels(spec) };
}

/** A layer before it is made: its entries, or where they come from and what they depend on. */
type Part = { title: string; key: unknown; entries: () => Promise<Entry[]> } | { title: string; entries: Entry[] };

export async function readLock(root: string): Promise<PackageLock> {
  return JSON.parse(await readFile(join(root, 'images', 'packages.lock.json'), 'utf8')) as PackageLock;
}

function pick(lock: Record<string, Locked>, names: string[]): [string, Locked][] {
  return names.map((name) => {
    const locked = lock[name];
    if (!locked) throw new ImageError(`images/packages.lock.json has no ${name}. Bring it up to date with: npm run images -- --update-packages`);
    return [name, locked];
  });
}

function nodeBinary(options: BuildOptions): string {
  const name = `node-linux-${options.arch}`;
  const file = join(options.root, 'node_modules', name, 'bin', 'node');
  if (!existsSync(file)) throw new ImageError(`node_modules has no ${name}. Install it with: npm install --no-save --force ${name}@24`);
  return file;
}

async function koffiFiles(options: BuildOptions): Promise<Entry[]> {
  const native = `@koromix/koffi-linux-${options.arch}`;
  const modules = join(options.root, 'node_modules');
  if (!existsSync(join(modules, native))) throw new ImageError(`node_modules has no ${native}. Install it with: npm install --no-save --force ${native}`);
  // Its C++ sources lie among its JavaScript.
  const javascript = (await readdir(join(modules, 'koffi', 'src'), { recursive: true })).filter((name) => /\.c?js$/.test(name)).sort().map((name) => `koffi/src/${name}`);
  const paths = [
    'koffi/package.json', 'koffi/index.js', 'koffi/index.cjs', 'koffi/LICENSE.txt', ...javascript,
    `${native}/package.json`, `${native}/index.js`, `${native}/linux_${options.arch}/koffi.node`,
  ];
  return await Promise.all(paths.map((path) => fileEntry(`app/node_modules/${path}`, join(modules, path))));
}

async function appFiles(spec: ImageSpec, options: BuildOptions): Promise<Entry[]> {
  const targets = TARGETS.filter((t) => spec.targets.includes(t.name));
  const available = await availableTargets(options.root, targets);
  const missing = targets.filter((t) => !available.includes(t));
  if (missing.length > 0) throw new ImageError(`the image ${spec.name} needs ${missing.map((t) => t.entry).join(' and ')}, which this checkout does not have.`);
  const dist = join(options.root, 'dist');
  await bundle(options.root, dist, targets);
  const files = targets.flatMap((t) => [t.out, ...(t.assets ?? []).map((asset) => basename(asset))]);
  const entries = await Promise.all(files.map((file) => fileEntry(`app/${file}`, join(dist, file))));
  const scripts = Object.entries(spec.scripts ?? {}).map(([path, text]): Entry => ({ path, type: 'file', mode: 0o755, data: Buffer.from(text) }));
  return [...entries, ...scripts, ...(spec.koffi ? await koffiFiles(options) : [])];
}

/** The parts of an image from the one that changes least. Images share those that are equal. */
async function parts(spec: ImageSpec, options: BuildOptions, lock: Record<string, Locked>, debs: Map<string, string>): Promise<Part[]> {
  const files = (names: string[]) => debianFiles(names.map((name) => debs.get(name)!));
  const users = { mesh: SPECS.proxy.uid, nonroot: SPECS.control.uid };
  const base: Part = {
    title: `Debian 12: ${BASE_PACKAGES.join(' ')}`,
    key: ['base', pick(lock, BASE_PACKAGES), skeleton(users)],
    entries: async () => [...skeleton(users), ...(await files(BASE_PACKAGES))],
  };
  const binary = nodeBinary(options);
  const node: Part = {
    title: 'Node.js',
    key: ['node', await fileSha256(binary)],
    entries: async () => [await fileEntry('usr/bin/node', binary, 0o755)],
  };
  const result: Part[] = [base, node];
  if (spec.packages.length > 0) {
    result.push({
      title: `Debian 12: ${spec.packages.join(' ')}`,
      key: ['packages', pick(lock, spec.packages), spec.capabilities, iptablesNames()],
      entries: async () => [...(await files(spec.packages)), ...iptablesNames()].map((entry) => {
        const names = spec.capabilities[entry.path];
        return names ? { ...entry, capability: capabilityXattr(names) } : entry;
      }),
    });
  }
  result.push({ title: `kubectl mesh ${VERSION}: ${spec.name}`, entries: await appFiles(spec, options) });
  return result;
}

async function prepare(specs: ImageSpec[], options: BuildOptions): Promise<{ spec: ImageSpec; parts: Part[] }[]> {
  const arch = ARCHITECTURES[options.arch];
  const lock = arch === undefined ? undefined : (await readLock(options.root))[arch];
  if (!lock) throw new ImageError(`there are no images for the architecture ${options.arch}; there are for ${Object.keys(ARCHITECTURES).join(' and ')}.`);
  const wanted = Object.fromEntries(pick(lock, [...BASE_PACKAGES, ...specs.flatMap((spec) => spec.packages)]));
  const debs = await fetchPackages(options.cacheDir, arch!, wanted);
  generateApi(options.root);
  const prepared = [];
  for (const spec of specs) prepared.push({ spec, parts: await parts(spec, options, lock, debs) });
  return prepared;
}

/** Everything in an image, layer upon layer: what a Dockerfile copies into place. */
export async function rootfsEntries(spec: ImageSpec, options: BuildOptions): Promise<Entry[]> {
  const [only] = await prepare([spec], options);
  const entries: Entry[] = [];
  for (const part of only!.parts) entries.push(...('key' in part ? await part.entries() : part.entries));
  return entries;
}

/**
 * Bundles the programs and builds these images; an archive whose image has not changed is left as it is. Throws ImageError (what to do next) or
 * BundleError (the sources do not build).
 */
export async function buildImages(specs: ImageSpec[], options: BuildOptions): Promise<BuiltImage[]> {
  const out = options.out ?? join(options.cacheDir, 'archives');
  for (const dir of [out, join(options.cacheDir, 'layers')]) await removeOrphans(dir);
  const built: BuiltImage[] = [];
  for (const { spec, parts } of await prepare(specs, options)) {
    const layers: Layer[] = [];
    for (const part of parts) {
      layers.push('key' in part
        ? await cachedLayer(options.cacheDir, part.title, keyOf([RECIPE, options.arch, part.key]), part.entries)
        : memoryLayer(part.title, part.entries));
    }
    const image: Image = { ref: spec.ref, layers, architecture: ARCHITECTURES[options.arch]!, run: runConfig(spec) };
    const id = imageId(image);
    const file = join(out, `${spec.name}-${VERSION}-${image.architecture}.tar`);
    const about = `${file}.json`;
    const known = existsSync(file) ? await readFile(about, 'utf8').then((text) => JSON.parse(text) as { id: string; bytes: number }, () => null) : null;
    const same = known?.id === id;
    const bytes = same ? known.bytes : (await writeArchive(file, [image])).size;
    if (!same) await writeFile(about, JSON.stringify({ id, bytes }));
    options.log(`${image.ref}  ${(bytes / 2 ** 20).toFixed(0)} MiB  ${id.slice(0, 19)}  ${same ? 'unchanged' : 'written'}  ${file}`);
    built.push({ name: spec.name, ref: image.ref, file, id, bytes });
  }
  return built;
}
