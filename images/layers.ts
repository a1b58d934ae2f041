import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeTar, type Entry } from './tar-write.ts';

/** A finished layer: an uncompressed tar, whose digest is blob digest and diff id at once. */
export interface Layer {
  /** what it is, for the image's history */
  title: string;
  /** hex SHA-256 of the tar */
  sha256: string;
  size: number;
  content: Buffer | { file: string };
}

/** Digest of a file's bytes, hex. */
export async function fileSha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Hex digest of a description of inputs. */
export function keyOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

/** Writes chunks to a file that appears whole or not at all; gives digest and size. */
export async function writeWhole(file: string, chunks: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<{ sha256: string; size: number }> {
  await mkdir(dirname(file), { recursive: true });
  const part = `${file}.${process.pid}.part`;
  const hash = createHash('sha256');
  let size = 0;
  const handle = await open(part, 'w');
  try {
    for await (const chunk of chunks) {
      hash.update(chunk);
      size += chunk.length;
      await handle.writeFile(chunk);
    }
    await handle.close();
    await rename(part, file);
  } catch (error) {
    await handle.close().catch(() => {});
    await rm(part, { force: true });
    throw error;
  }
  return { sha256: hash.digest('hex'), size };
}

/** A layer that is small and changes with every build: kept in memory only. */
export function memoryLayer(title: string, entries: Entry[]): Layer {
  const content = Buffer.concat([...writeTar(entries)]);
  return { title, sha256: createHash('sha256').update(content).digest('hex'), size: content.length, content };
}

/** Removes what builds that were killed have left half-written under `dir`. */
export async function removeOrphans(dir: string): Promise<void> {
  for (const name of await readdir(dir).catch(() => [])) {
    const pid = /\.(\d+)\.part$/.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) await rm(join(dir, name), { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The layer that `entries` gives, taken from `<cacheDir>/layers` when one with the same key was made before. */
export async function cachedLayer(cacheDir: string, title: string, key: string, entries: () => Promise<Entry[]>): Promise<Layer> {
  const file = join(cacheDir, 'layers', `${key}.tar`);
  const about = join(cacheDir, 'layers', `${key}.json`);
  const known = await readFile(about, 'utf8').then((text) => JSON.parse(text) as { sha256: string; size: number }, () => null);
  if (known) return { title, content: { file }, ...known };
  const made = await writeWhole(file, writeTar(await entries()));
  await writeFile(`${about}.${process.pid}.part`, JSON.stringify(made));
  await rename(`${about}.${process.pid}.part`, about);
  return { title, content: { file }, ...made };
}
