/** The two images a bare cluster needs, as docker archives built from static binaries. */
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { COREDNS_VERSION } from './layout.ts';
import { dockerArchive, type ImageSpec } from './archive.ts';

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
export async function imageArchives(cacheDir: string, inputs: { busybox: string; coredns: string }): Promise<string[]> {
  const dir = join(cacheDir, 'images');
  await mkdir(dir, { recursive: true });
  return [
    await archive(join(dir, `pause-1-${await fingerprint(inputs.busybox)}.tar`), async () => pause(await readFile(inputs.busybox))),
    await archive(join(dir, `coredns-${COREDNS_VERSION}-${await fingerprint(inputs.coredns)}.tar`), async () => coredns(await readFile(inputs.coredns))),
  ];
}

/** Changes with the file. */
async function fingerprint(path: string): Promise<string> {
  const { size, mtimeMs } = await stat(path);
  return `${size.toString(36)}-${Math.floor(mtimeMs).toString(36)}`;
}

async function archive(path: string, spec: () => Promise<ImageSpec>): Promise<string> {
  if (await stat(path).catch(() => undefined)) return path;
  const half = `${path}.${process.pid}.new`;
  await writeFile(half, dockerArchive(await spec()));
  await rename(half, path);
  return path;
}
