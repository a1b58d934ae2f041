import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ImageError } from './errors.ts';

const run = promisify(execFile);

/** The Debian release that the images are made of. */
export const SUITE = 'bookworm';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const SOURCES = '/etc/apt';

/** apt-get and apt-cache on lists of their own, for one Debian release and architecture, whatever this machine itself runs. */
export interface Apt {
  /** fetches the package lists */
  update(): Promise<void>;
  /** downloads `name=version` of each into the folder */
  download(packages: string[], into: string): Promise<void>;
  /** control stanzas of the newest version of each */
  show(packages: string[]): Promise<string>;
}

/** Mirrors of Debian in apt's sources (one-line and deb822 form): the addresses whose path ends in /debian or /debian-security. */
export function mirrors(texts: string[]): { main: string[]; security: string[] } {
  const found = texts.flatMap((text) => text.split('\n').filter((line) => !line.trimStart().startsWith('#')))
    .flatMap((line) => line.match(/\bhttps?:\/\/\S+/g) ?? [])
    .map((uri) => uri.replace(/\/+$/, ''));
  const ending = (name: string) => [...new Set(found.filter((uri) => uri.endsWith(`/${name}`)))];
  return { main: ending('debian'), security: ending('debian-security') };
}

async function sourceTexts(): Promise<string[]> {
  const parts = join(SOURCES, 'sources.list.d');
  const names = await readdir(parts).catch(() => []);
  const files = [join(SOURCES, 'sources.list'), ...names.filter((n) => /\.(list|sources)$/.test(n)).map((n) => join(parts, n))];
  return await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')));
}

/** Prepares the private state under `dir`. Throws ImageError when this machine has no apt or names no Debian mirror. */
export async function openApt(dir: string, arch: string): Promise<Apt> {
  const elsewhere = 'Build the image with Docker instead: docker build -f images/<name>/Dockerfile .';
  if (!existsSync(KEYRING)) throw new ImageError(`building images without Docker needs Debian's apt and its keyring (${KEYRING}). ${elsewhere}`);
  const { main, security } = mirrors(await sourceTexts());
  if (main.length === 0) throw new ImageError(`no Debian mirror is named in ${SOURCES}/sources.list or ${SOURCES}/sources.list.d. ${elsewhere}`);
  const home = join(dir, arch);
  for (const part of ['state/lists/partial', 'cache/archives/partial']) await mkdir(join(home, part), { recursive: true });
  const sources = join(home, 'sources.list');
  const line = (uri: string, suite: string) => `deb [signed-by=${KEYRING}] ${uri} ${suite} main\n`;
  await writeFile(sources, [
    ...main.flatMap((uri) => [line(uri, SUITE), line(uri, `${SUITE}-updates`)]),
    ...security.map((uri) => line(uri, `${SUITE}-security`)),
  ].join(''));
  const status = join(home, 'status');
  await writeFile(status, '');
  const options = [
    `Dir::Etc::sourcelist=${sources}`, 'Dir::Etc::sourceparts=-', `Dir::State=${join(home, 'state')}`, `Dir::State::status=${status}`, `Dir::Cache=${join(home, 'cache')}`,
    `APT::Architecture=${arch}`, `APT::Architectures=${arch}`, 'APT::Sandbox::User=root', 'Acquire::Languages=none', 'Acquire::Retries=3',
  ].flatMap((option) => ['-o', option]);

  async function apt(program: string, args: string[], cwd = home): Promise<string> {
    try {
      return (await run(program, [...options, ...args], { cwd, maxBuffer: 64 * 1024 * 1024 })).stdout;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new ImageError(`${program} was not found. ${elsewhere}`, { cause: error });
      const said = ((error as { stderr?: string }).stderr ?? '').split('\n').filter((l) => l.startsWith('E: ')).map((l) => l.slice(3));
      throw new AptError(said.join(' ') || String(error), { cause: error });
    }
  }
  return {
    async update() { await apt('apt-get', ['-q', 'update']); },
    async download(packages, into) { await apt('apt-get', ['-q', 'download', ...packages], into); },
    show: (packages) => apt('apt-cache', ['--no-all-versions', 'show', ...packages]),
  };
}

/** apt itself failed; the message is what it said. */
export class AptError extends Error {}
