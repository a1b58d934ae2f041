import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeTar, type Entry } from './tar-write.ts';

/** A finished layer: an uncompressed tar, whose digest is blob digest and diff id at once. */
export interface Layer {
  /** what it is, for the image's history */
  title: string;
  /** hex SHA-256 of the tar */
  sha256: string;
  size: number;
  file: string;
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

/** The layer that `entries` gives, taken from `<cacheDir>/layers` when one with the same key was made before. */
export async function cachedLayer(cacheDir: string, title: string, key: string, entries: () => Promise<Entry[]>): Promise<Layer> {
  const file = join(cacheDir, 'layers', `${key}.tar`);
  const about = join(cacheDir, 'layers', `${key}.json`);
  const known = await readFile(about, 'utf8').then((text) => JSON.parse(text) as { sha256: string; size: number }, () => null);
  if (known) return { title, file, ...known };
  const made = await writeWhole(file, writeTar(await entries()));
  await writeFile(`${about}.${process.pid}.part`, JSON.stringify(made));
  await rename(`${about}.${process.pid}.part`, about);
  return { title, file, ...made };
}
