/** npm run images: see USAGE. */
import { writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { BundleError } from '../scripts/bundle.ts';
import { AptError } from './apt.ts';
import { buildImages, rootfsEntries, type BuildOptions } from './build.ts';
import { imageCacheDir } from './env.ts';
import { ImageError } from './errors.ts';
import { SPECS, type ImageName } from './images.ts';
import { resolvePackages } from './packages.ts';
import { unpack } from './unpack.ts';

const NAMES = Object.keys(SPECS) as ImageName[];
const USAGE = `Builds the container images without Docker, as archives that ctr, docker, podman and kind load.

  npm run images                              all images, into the cache
  npm run images -- --out dist/images proxy   one image, into a folder
  npm run images -- --rootfs DIR proxy        its files into an empty folder (as root)
  npm run images -- --arch arm64              for another architecture
  npm run images -- --update-packages         newest Debian packages into images/packages.lock.json

Images: ${NAMES.join(', ')}`;

const root = dirname(dirname(fileURLToPath(import.meta.url)));

class UsageError extends Error {}

function parse(argv: string[]) {
  try {
    return parseArgs({
      args: argv,
      allowPositionals: true,
      options: {
        out: { type: 'string' }, rootfs: { type: 'string' }, arch: { type: 'string', default: process.arch },
        'update-packages': { type: 'boolean' }, help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

async function main(argv: string[]): Promise<void> {
  const { values, positionals } = parse(argv);
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const unknown = positionals.filter((name) => !(name in SPECS));
  if (unknown.length > 0) throw new UsageError(`there is no image "${unknown[0]}".`);
  const names = positionals.length > 0 ? positionals as ImageName[] : NAMES;
  const options: BuildOptions = { root, cacheDir: imageCacheDir(), arch: values.arch, log: (line) => console.log(line), ...(values.out ? { out: resolve(values.out) } : {}) };
  if (values['update-packages']) {
    const file = join(root, 'images', 'packages.lock.json');
    await writeFile(file, `${JSON.stringify(await resolvePackages(options.cacheDir, ['amd64', 'arm64']), null, 2)}\n`);
    console.log(`${file} written; build the images and commit it.`);
  } else if (values.rootfs !== undefined) {
    if (positionals.length !== 1) throw new UsageError('--rootfs takes one image.');
    await unpack(await rootfsEntries(SPECS[names[0]!], options), resolve(values.rootfs));
  } else {
    await buildImages(names.map((name) => SPECS[name]), options);
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  if (error instanceof UsageError) console.error(`images: ${error.message}\n\n${USAGE}`);
  else if (error instanceof ImageError || error instanceof BundleError || error instanceof AptError) console.error(`images: ${error.message}`);
  else if ((error as NodeJS.ErrnoException).code === 'ENOSPC') console.error(`images: the disk is full. The images take 600 MB under ${imageCacheDir()}; make room, then run this again.`);
  else throw error;
  process.exit(error instanceof UsageError ? 2 : 1);
});
