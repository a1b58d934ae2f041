import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { AptError, openApt, SUITE } from './apt.ts';
import { ImageError } from './errors.ts';
import { BASE_PACKAGES, SPECS } from './images.ts';

export interface Locked {
  version: string;
  sha256: string;
}
/** images/packages.lock.json: Debian architecture -> package -> what exactly. */
export type PackageLock = Record<string, Record<string, Locked>>;

export const UPDATE_COMMAND = 'npm run images -- --update-packages';

/** Every package that any image holds. */
export function allPackages(): string[] {
  return [...new Set([...BASE_PACKAGES, ...Object.values(SPECS).flatMap((spec) => spec.packages)])].sort();
}

/** Control stanzas as apt-cache prints them -> package -> version and checksum. */
export function parseStanzas(text: string): Record<string, Locked> {
  const found: Record<string, Locked> = {};
  for (const stanza of text.split(/\n\n+/)) {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(stanza)?.[1];
    const name = field('Package');
    const version = field('Version');
    const sha256 = field('SHA256');
    if (name && version && sha256) found[name] = { version, sha256 };
  }
  return found;
}

/** The newest versions in the archive, for each architecture. */
export async function resolvePackages(cacheDir: string, architectures: string[]): Promise<PackageLock> {
  const lock: PackageLock = {};
  for (const arch of architectures) {
    const apt = await openApt(join(cacheDir, 'apt'), arch);
    await apt.update();
    const found = parseStanzas(await apt.show(allPackages()));
    const missing = allPackages().filter((name) => !found[name]);
    if (missing.length > 0) throw new ImageError(`Debian ${SUITE} for ${arch} has no package ${missing.join(', ')}: correct images/images.ts.`);
    lock[arch] = Object.fromEntries(allPackages().map((name) => [name, found[name]!]));
  }
  return lock;
}

function checksum(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

/**
 * Sees to it that every locked package is in `<cacheDir>/debs` under its checksum, and gives the files by name. Throws ImageError when one cannot be
 * had, or is not what the lock says.
 */
export async function fetchPackages(cacheDir: string, arch: string, lock: Record<string, Locked>): Promise<Map<string, string>> {
  const debs = join(cacheDir, 'debs');
  await mkdir(debs, { recursive: true });
  const files = new Map(Object.entries(lock).map(([name, { sha256 }]) => [name, join(debs, `${sha256}.deb`)]));
  const missing = Object.entries(lock).filter(([name]) => !existsSync(files.get(name)!));
  if (missing.length === 0) return files;

  const apt = await openApt(join(cacheDir, 'apt'), arch);
  const into = await mkdtemp(join(debs, 'download-'));
  try {
    const wanted = missing.map(([name, { version }]) => `${name}=${version}`);
    await apt.download(wanted, into).catch(async () => {
      // The lists are absent or older than the archive.
      await apt.update();
      await apt.download(wanted, into);
    });
    const known = new Map(missing.map(([name, { sha256 }]) => [sha256, files.get(name)!]));
    for (const name of await readdir(into)) {
      const data = await readFile(join(into, name));
      const file = known.get(checksum(data));
      if (!file) throw new ImageError(`${name} as downloaded has another checksum than images/packages.lock.json says. If the archive was rebuilt, run: ${UPDATE_COMMAND}`);
      await writeFile(join(into, 'verified'), data);
      await rename(join(into, 'verified'), file);
    }
  } catch (error) {
    if (error instanceof AptError) {
      throw new ImageError(
        `cannot download the Debian packages of the images: ${error.message}\n`
        + `If the network is fine, the archive has replaced a pinned version. Take the new ones with: ${UPDATE_COMMAND}`, { cause: error });
    }
    throw error;
  } finally {
    await rm(into, { recursive: true, force: true });
  }
  return files;
}

/** The files of a .deb as a tar. */
export async function unpackDeb(file: string): Promise<Buffer> {
  const { stdout } = await promisify(execFile)('dpkg-deb', ['--fsys-tarfile', file], { encoding: 'buffer', maxBuffer: 1024 * 1024 * 1024 });
  return stdout;
}
