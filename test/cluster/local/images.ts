/** The two images a bare cluster needs, as docker archives built from static binaries. */
import { access, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Progress } from '../provider.ts';
import { COREDNS_VERSION } from './layout.ts';
import { dockerArchive, type ImageSpec } from './archive.ts';
import { locked } from './lock.ts';

export const PAUSE_IMAGE = 'kubectl-mesh.local/pause:1';
export const COREDNS_IMAGE = `kubectl-mesh.local/coredns:${COREDNS_VERSION}`;

/** Sleeps, and as first process of a pod's shared PID namespace collects its orphans. */
const PAUSE_SCRIPT = 'trap "exit 0" TERM INT; while :; do /busybox sleep 1000000 & wait $!; done';

function pause(busybox: Buffer): ImageSpec {
  return { tag: PAUSE_IMAGE, files: [{ path: 'busybox', mode: 0o755, content: busybox }], entrypoint: ['/busybox', 'sh', '-c', PAUSE_SCRIPT] };
}

function coredns(binary: Buffer): ImageSpec {
  return { tag: COREDNS_IMAGE, files: [{ path: 'coredns', mode: 0o755, content: binary }], entrypoint: ['/coredns'] };
}

/**
 * Paths of the image archives under `cacheDir`, built where they are missing.
 * `inputs` are the paths of a static busybox and a static CoreDNS.
 */
export async function imageArchives(cacheDir: string, inputs: { busybox: string; coredns: string }, log: Progress): Promise<string[]> {
  const dir = join(cacheDir, 'images');
  const wanted = [
    { path: join(dir, `pause-1-${await fingerprint(inputs.busybox)}.tar`), spec: async () => pause(await readFile(inputs.busybox)) },
    { path: join(dir, `coredns-${COREDNS_VERSION}-${await fingerprint(inputs.coredns)}.tar`), spec: async () => coredns(await readFile(inputs.coredns)) },
  ];
  if (!(await Promise.all(wanted.map(({ path }) => exists(path)))).every(Boolean)) {
    await locked(join(cacheDir, 'images.lock'), log, async () => {
      await mkdir(dir, { recursive: true });
      for (const { path, spec } of wanted) if (!(await exists(path))) await writeWhole(path, dockerArchive(await spec()));
    });
  }
  return wanted.map(({ path }) => path);
}

/** Changes with the file. */
async function fingerprint(path: string): Promise<string> {
  const { size, mtimeMs } = await stat(path);
  return `${size.toString(36)}-${Math.floor(mtimeMs).toString(36)}`;
}

function exists(path: string): Promise<boolean> {
  return access(path).then(() => true, () => false);
}

async function writeWhole(path: string, content: Buffer): Promise<void> {
  await writeFile(`${path}.new`, content);
  await rename(`${path}.new`, path);
}
