import { spawnSync } from 'node:child_process';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { build, type BuildFailure, type Plugin } from 'esbuild';

/** One program made of one entry module and all it imports. Paths are relative to the root of the checkout. */
export interface Target {
  name: string;
  entry: string;
  /** file name in dist/ */
  out: string;
  /** files copied beside it, by their base name (read at run time through import.meta.url) */
  assets?: string[];
  /** drop white space: a program that runs once per pod keeps its source text in memory */
  compact?: boolean;
}

export const TARGETS: Target[] = [
  { name: 'mesh', entry: 'kubectl-plugins/mesh.ts', out: 'mesh.mjs' },
  { name: 'control', entry: 'control/main.ts', out: 'control.mjs', compact: true },
  { name: 'proxy', entry: 'proxy/main.ts', out: 'proxy.mjs', compact: true },
  { name: 'redirect', entry: 'proxy/redirect/main.ts', out: 'redirect.mjs', compact: true },
  { name: 'sample', entry: 'test/sample/main.ts', out: 'sample.mjs', assets: ['test/sample/books.proto', 'test/sample/health.proto'] },
  { name: 'echo', entry: 'test/conformance/gateway/echo/main.ts', out: 'echo.mjs', assets: ['test/conformance/gateway/echo/echo.proto'] },
];

/** Loaded from node_modules at run time, since it carries a native library. */
const EXTERNAL = ['koffi'];

/**
 * What the sources take from @kubernetes/client-node by dynamic import. Such an import keeps a whole package in the bundle (16 MB of models here), so the
 * bundle gets a module of these names alone in its place; bundle.test.ts finds a name that is missing here.
 */
export const KUBE_CLIENT_NAMES = ['KubeConfig'];

const slimKubeClient: Plugin = {
  name: 'slim-kube-client',
  setup(build) {
    build.onResolve({ filter: /^@kubernetes\/client-node$/ }, ({ kind, resolveDir }) => (
      kind === 'dynamic-import' ? { path: 'kube-client', namespace: 'slim', pluginData: resolveDir } : undefined
    ));
    build.onLoad({ filter: /^kube-client$/, namespace: 'slim' }, ({ pluginData }) => (
      { contents: `export { ${KUBE_CLIENT_NAMES.join(', ')} } from '@kubernetes/client-node';`, resolveDir: pluginData as string }
    ));
  },
};

/** Oldest Node major that the bundles run on. */
export const MIN_NODE = 22;

export interface Bundled {
  target: Target;
  file: string;
  bytes: number;
}

export class BundleError extends Error {}

/** A reader, or another build at the same time, never sees half a file. */
async function writeWhole(file: string, data: Uint8Array | string, mode = 0o644): Promise<void> {
  const part = `${file}.${process.pid}.part`;
  await writeFile(part, data, { mode });
  await rename(part, file);
}

/** Brings api/gen up to date, which the sources import. Throws BundleError. */
export function generateApi(root: string): void {
  const entry = join(root, 'api', 'generate.ts');
  const { status, stderr } = spawnSync(process.execPath, [entry], { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new BundleError(`npm run generate failed:\n${stderr.trim()}`);
}

/** The targets whose entry exists in this checkout. */
export async function availableTargets(root: string, targets: Target[] = TARGETS): Promise<Target[]> {
  const found = await Promise.all(targets.map((t) => stat(join(root, t.entry)).then(() => true, () => false)));
  return targets.filter((_, i) => found[i]);
}

/**
 * Bundles each target into `<dist>/<out>`. The output depends on the sources and node_modules alone: no path of this machine and no time is in it.
 * One target that fails does not keep the others from being written; then it throws BundleError with esbuild's messages.
 */
export async function bundle(root: string, dist: string, targets: Target[]): Promise<Bundled[]> {
  await mkdir(dist, { recursive: true });
  const done: Bundled[] = [];
  const failures: string[] = [];
  for (const target of targets) {
    const result = await build({
      absWorkingDir: root,
      entryPoints: [target.entry],
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: `node${MIN_NODE}`,
      external: EXTERNAL,
      plugins: [slimKubeClient],
      // CommonJS dependencies call require() for Node's own modules, which an ES module does not have.
      banner: { js: "import { createRequire as __createRequire } from 'node:module';\nconst require = __createRequire(import.meta.url);" },
      minifyWhitespace: target.compact ?? false,
      legalComments: 'eof',
      logLevel: 'silent',
      write: false,
    }).catch((error: BuildFailure) => {
      const lines = error.errors?.map((e) => `${e.location ? `${e.location.file}:${e.location.line}: ` : ''}${e.text}`) ?? [error.message];
      failures.push(`cannot bundle ${target.name} (${target.entry}):\n  ${lines.join('\n  ')}`);
    });
    if (!result) continue;
    const file = join(dist, target.out);
    const text = result.outputFiles[0]!.contents;
    await writeWhole(file, text);
    for (const asset of target.assets ?? []) await writeWhole(join(dist, basename(asset)), await readFile(join(root, asset)));
    done.push({ target, file, bytes: text.length });
  }
  if (failures.length > 0) throw new BundleError(failures.join('\n'));
  return done;
}

/** The program that kubectl finds, for any POSIX shell: the checkout's own Node when there is one, else the user's. */
const LAUNCHER = `#!/bin/sh
self=$0
while [ -L "$self" ]; do
  link=$(readlink "$self")
  case $link in /*) self=$link ;; *) self=$(dirname "$self")/$link ;; esac
done
here=$(cd "$(dirname "$self")" && pwd -P)
node=$here/../node_modules/.bin/node
if [ ! -x "$node" ]; then
  node=$(command -v node) || {
    echo "kubectl-mesh: Node.js was not found. It needs Node.js ${MIN_NODE} or newer on the PATH." >&2
    exit 1
  }
fi
exec "$node" "$here/kubectl-mesh.mjs" "$@"
`;

/** Runs on any Node that knows dynamic import, so that an old one gets a sentence and not a syntax error. */
const GUARD = `#!/usr/bin/env node
if (Number(process.versions.node.split('.')[0]) < ${MIN_NODE}) {
  console.error('kubectl-mesh: this is Node.js ' + process.versions.node + ' (' + process.execPath + '), and it needs ${MIN_NODE} or newer. Put a newer node first on the PATH.');
  process.exit(1);
}
import('./mesh.mjs');
`;

/** kubectl (1.26 and newer) runs this for tab completion after `kubectl mesh`. */
const COMPLETE = `#!/bin/sh
exec "$(dirname "$0")/kubectl-mesh" __complete "$@"
`;

/** Writes dist/kubectl-mesh, kubectl-mesh.mjs and kubectl_complete-mesh, which start dist/mesh.mjs. */
export async function writeLaunchers(dist: string): Promise<void> {
  await mkdir(dist, { recursive: true });
  for (const [name, text] of Object.entries({ 'kubectl-mesh': LAUNCHER, 'kubectl-mesh.mjs': GUARD, 'kubectl_complete-mesh': COMPLETE })) {
    const file = join(dist, name);
    await writeWhole(file, text, 0o755);
  }
}
