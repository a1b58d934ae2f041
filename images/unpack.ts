import { execFile } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { ImageError } from './errors.ts';
import { writeTar, type Entry } from './tar-write.ts';

/** Puts the entries into an empty or new folder with GNU tar, owners and capabilities included, which takes root. */
export async function unpack(entries: Entry[], dir: string): Promise<void> {
  await mkdir(dir, { recursive: true });
  if ((await readdir(dir)).length > 0) throw new ImageError(`${dir} is not empty: give a new folder.`);
  const args = ['--extract', '--same-owner', '--same-permissions', '--numeric-owner', '--xattrs', '--xattrs-include=security.capability', '--directory', dir];
  const child = execFile('tar', args);
  const done = new Promise<void>((resolve, reject) => {
    let said = '';
    child.stderr!.on('data', (text: string) => { said += text; });
    child.on('error', (error) => reject(new ImageError(`cannot run tar: ${error.message}`)));
    child.on('close', (code) => (code === 0 ? resolve() : reject(new ImageError(`tar could not unpack into ${dir}: ${said.trim()}`))));
  });
  // When tar gives up early its own words say more than the broken pipe.
  const fed = pipeline(Readable.from(writeTar(entries)), child.stdin!).catch(() => {});
  await Promise.all([done, fed]);
}
