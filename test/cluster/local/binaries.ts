/**
 * Kubernetes and CoreDNS, built from pinned Go modules and kept in the cache by version. A build goes to a folder of its own that
 * is renamed when it is whole, so a killed one leaves nothing that looks finished.
 */
import { access, mkdir, mkdtemp, readdir, rename, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { ClusterError, type Progress } from '../provider.ts';
import { lastLines, type Exec } from '../exec.ts';
import { longStep, systemClock, type Clock } from '../progress.ts';
import { COREDNS_VERSION, KUBERNETES_VERSION } from './layout.ts';
import { locked } from './lock.ts';

export interface Build {
  /** folder in the cache */
  name: string;
  /** what people call it */
  title: string;
  /** folder of its go.mod */
  moduleDir: string;
  packages: string[];
  /** names of the programs */
  programs: string[];
  ldflags: string;
  /** the one program is made of the tests of the one package (go test -c) */
  tests?: boolean;
  /** how long it takes on two cores with nothing cached, for the progress line */
  firstTime: string;
  /** bytes of disk it needs with the compiler's cache */
  disk: number;
}

export interface BuildDeps {
  run: Exec;
  log: Progress;
  cacheDir: string;
  /** environment of the Go command */
  vars: Record<string, string | undefined>;
  signal?: AbortSignal | undefined;
  clock?: Clock;
}

const GIB = 2 ** 30;
const MINIMUM_GO = { major: 1, minor: 24 };
const COMMANDS = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet', 'kube-proxy', 'kubectl'];

/** Without these the servers and kubectl call themselves v0.0.0, and version checks fail. */
function kubernetesStamp(version: string): string {
  const [major, minor] = version.split('.');
  const values = { gitVersion: `v${version}`, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' };
  return Object.entries(values).map(([key, value]) => `-X k8s.io/component-base/version.${key}=${value}`).join(' ');
}

export const KUBERNETES: Build = {
  name: `kubernetes-${KUBERNETES_VERSION}`,
  title: `Kubernetes ${KUBERNETES_VERSION}`,
  moduleDir: join(import.meta.dirname, 'kubernetes'),
  packages: COMMANDS.map((command) => `k8s.io/kubernetes/cmd/${command}`),
  programs: COMMANDS,
  ldflags: `-s -w ${kubernetesStamp(KUBERNETES_VERSION)}`,
  firstTime: '4 to 10 minutes',
  disk: 6 * GIB,
};

export const COREDNS: Build = {
  name: `coredns-${COREDNS_VERSION}`,
  title: `CoreDNS ${COREDNS_VERSION}`,
  moduleDir: join(import.meta.dirname, 'coredns'),
  packages: ['github.com/coredns/coredns'],
  programs: ['coredns'],
  ldflags: '-s -w',
  firstTime: '2 to 5 minutes',
  disk: 2 * GIB,
};

/** Folder with the programs of `build`, made first if need be. Throws ClusterError. */
export async function programs(build: Build, deps: BuildDeps): Promise<string> {
  const dir = join(deps.cacheDir, build.name);
  if (await isWhole(dir, build)) return dir;
  await mkdir(deps.cacheDir, { recursive: true });
  await locked(join(deps.cacheDir, `${build.name}.lock`), deps.log, async () => {
    if (await isWhole(dir, build)) return;
    await removeHalfMade(deps.cacheDir, build);
    await compile(build, dir, deps);
  }, { signal: deps.signal });
  return dir;
}

async function isWhole(dir: string, build: Build): Promise<boolean> {
  const found = await Promise.all(build.programs.map((program) => access(join(dir, program)).then(() => true, () => false)));
  return found.every(Boolean);
}

/** Only the holder of the lock comes here, so whatever is there belongs to a run that was killed. */
async function removeHalfMade(cacheDir: string, build: Build): Promise<void> {
  const leftovers = (await readdir(cacheDir)).filter((entry) => entry.startsWith(`${build.name}.new-`));
  for (const leftover of leftovers) await rm(join(cacheDir, leftover), { recursive: true, force: true });
}

async function compile(build: Build, dir: string, deps: BuildDeps): Promise<void> {
  await checkGo(build, deps);
  await checkDisk(build, deps.cacheDir);
  const half = await mkdtemp(join(deps.cacheDir, `${build.name}.new-`));
  let compiled = 0;
  let downloaded = 0;
  const onLine = (line: string) => {
    if (line.startsWith('go: downloading')) downloaded += 1;
    else compiled += 1;
  };
  const what = build.tests ? ['test', '-c', '-o', join(half, build.programs[0]!)] : ['build', '-v', '-o', `${half}/`];
  const args = [...what, '-mod=readonly', '-trimpath', '-buildvcs=false', '-ldflags', build.ldflags, ...build.packages];
  const env = { ...deps.vars, GOTOOLCHAIN: 'local', GOWORK: 'off', CGO_ENABLED: '0' };
  const detail = () => `${downloaded} modules downloaded, ${compiled} packages compiled`;
  const step = `building ${build.title} from Go modules (${build.firstTime} the first time, kept afterwards)`;
  try {
    const result = await longStep(deps.log, step, () => deps.run('go', args, { cwd: build.moduleDir, env, onLine }), detail, deps.clock ?? systemClock);
    if (result.code !== 0) throw new ClusterError(buildFailure(build, result.stderr));
    await rm(dir, { recursive: true, force: true });
    await rename(half, dir);
  } catch (error) {
    await rm(half, { recursive: true, force: true });
    throw error;
  }
}

function buildFailure(build: Build, stderr: string): string {
  const problems = stderr.split('\n').filter((line) => !/^(go: downloading |[\w./-]+$)/.test(line)).join('\n');
  const advice = /no space left/.test(stderr)
    ? 'The disk is full: free some space (`go clean -cache` helps) and run the command again.'
    : 'If modules could not be downloaded, check `go env GOPROXY` and the network, then run the command again; what was compiled is kept.';
  return `Building ${build.title} failed. Go said: ${lastLines(problems, 6)}. ${advice}`;
}

async function checkGo(build: Build, deps: BuildDeps): Promise<void> {
  const needs = `Go ${MINIMUM_GO.major}.${MINIMUM_GO.minor} or later is needed once, to build ${build.title} for the local cluster.`;
  const advice = 'Install it (Debian package golang-go if new enough, or the archive from the Go project) and see that `go` is on PATH, or use --provider kind or --provider existing.';
  const { code, stdout, stderr } = await deps.run('go', ['env', 'GOVERSION'], { env: { ...deps.vars, GOTOOLCHAIN: 'local' }, cwd: '/' });
  if (code === 127) throw new ClusterError(`The command go was not found. ${needs} ${advice}`);
  if (code !== 0) throw new ClusterError(`\`go env\` failed: ${lastLines(stderr)}. ${needs} ${advice}`);
  const [, major, minor] = (/^go(\d+)\.(\d+)/.exec(stdout) ?? []).map(Number);
  if (major === undefined || minor === undefined) return;
  if (major < MINIMUM_GO.major || (major === MINIMUM_GO.major && minor < MINIMUM_GO.minor)) throw new ClusterError(`The installed Go is ${stdout.trim()}, which is too old. ${needs} ${advice}`);
}

async function checkDisk(build: Build, cacheDir: string): Promise<void> {
  const { bavail, bsize } = await statfs(cacheDir);
  const free = bavail * bsize;
  if (free >= build.disk) return;
  const gib = (bytes: number) => `${(bytes / GIB).toFixed(1)} GiB`;
  throw new ClusterError(`Too little disk space to build ${build.title}: ${gib(free)} are free at ${cacheDir}, about ${gib(build.disk)} are needed. Free some space, or set XDG_CACHE_HOME to a folder on a larger disk.`);
}
