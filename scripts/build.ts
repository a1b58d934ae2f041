/** npm run build [-- target...]: generates what is generated, then bundles the programs into dist/. */
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { availableTargets, bundle, BundleError, generateApi, TARGETS, writeLaunchers } from './bundle.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

function fail(message: string): never {
  console.error(`build: ${message}`);
  process.exit(1);
}

async function main(names: string[]): Promise<void> {
  for (const name of names) {
    if (!TARGETS.some((t) => t.name === name)) fail(`there is no target "${name}". Targets: ${TARGETS.map((t) => t.name).join(', ')}.`);
  }
  generateApi(root);
  const targets = (await availableTargets(root)).filter((t) => names.length === 0 || names.includes(t.name));
  const dist = join(root, 'dist');
  if (targets.some((t) => t.name === 'mesh')) await writeLaunchers(dist);
  for (const { file, bytes } of await bundle(root, dist, targets)) {
    console.log(`${relative(root, file).padEnd(24)} ${String(Math.round(bytes / 1024)).padStart(6)} KiB`);
  }
  if (targets.some((t) => t.name === 'mesh')) console.log('put dist/ on the PATH, then run: kubectl mesh');
}

main(process.argv.slice(2)).catch((error: unknown) => {
  if (error instanceof BundleError) fail(error.message);
  throw error;
});
