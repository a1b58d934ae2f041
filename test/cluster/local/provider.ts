/** Clusters of this machine: real Kubernetes, each node in namespaces of its own, without a container engine. */
import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkName, ClusterError, DEFAULT_NAME, type Cluster, type ClusterProvider, type Progress, type UpOptions } from '../provider.ts';
import type { Env } from '../env.ts';
import type { Exec } from '../exec.ts';
import { COREDNS, KUBERNETES, programs } from './binaries.ts';
import { removeCluster } from './clean.ts';
import { complete, importImage, isHealthy, nodesRun, type HealthDeps } from './health.ts';
import { imageArchives } from './images.ts';
import { MAX_NODES, type Layout } from './layout.ts';
import { locked } from './lock.ts';
import { ensurePackages, programOf } from './packages.ts';
import { startCluster } from './start.ts';
import { readCluster } from './state.ts';

export interface LocalDeps {
  env: Env;
  run: Exec;
  date: () => Date;
  /** milliseconds */
  now: () => number;
  sleep: (ms: number) => Promise<void>;
}

interface Tools {
  binDir: string;
  images: string[];
}

export function localProvider(deps: LocalDeps): ClusterProvider {
  const { env, run } = deps;
  const lockFile = (name: string) => `/run/lock/kubectl-mesh-cluster-${name}`;

  async function up(options: UpOptions): Promise<Cluster> {
    const name = checkName(options.name ?? DEFAULT_NAME);
    checkNodes(options.nodes);
    const tools = await prepare(deps, options.log);
    return locked(lockFile(name), options.log, async () => asCluster(deps, await runningCluster(name, options, tools), tools.binDir));
  }

  /** Uses what runs, finishes what was begun, and starts anew where neither is possible. */
  async function runningCluster(name: string, options: UpOptions, tools: Tools): Promise<Layout> {
    const health: HealthDeps = { run, log: options.log, kubectl: join(tools.binDir, 'kubectl'), now: deps.now, sleep: deps.sleep };
    const existing = await readCluster(env.clustersDir, name);
    if (existing && (await nodesRun(existing))) {
      checkSameSize(existing, options.nodes);
      if (await wasReady(existing) && (await isHealthy(existing))) {
        options.log(`local cluster "${name}" is running`);
        return existing;
      }
      options.log(`local cluster "${name}" runs, but is not ready; waiting for it`);
      if (await finish(existing, tools, health)) return existing;
    }
    options.log(`starting local cluster "${name}"`);
    await removeCluster(run, env.clustersDir, name);
    const cluster = await startCluster(name, options.nodes ?? 1, { run, clustersDir: env.clustersDir, binDir: tools.binDir, now: deps.date });
    await complete(cluster, tools.images, health);
    await writeFile(cluster.readyMark, '');
    return cluster;
  }

  return {
    name: 'local',
    up,
    find: async (name = DEFAULT_NAME) => {
      const cluster = await readCluster(env.clustersDir, checkName(name));
      return cluster && (await nodesRun(cluster)) ? asCluster(deps, cluster, join(env.cacheDir, KUBERNETES.name)) : undefined;
    },
    down: async (name = DEFAULT_NAME, log = () => undefined) => {
      await locked(lockFile(checkName(name)), log, () => removeCluster(run, env.clustersDir, name), 'remove');
    },
  };
}

async function prepare(deps: LocalDeps, log: Progress): Promise<Tools> {
  const { env, run } = deps;
  await ensurePackages({ run, log, vars: env.vars });
  const build = { run, log, cacheDir: env.cacheDir, vars: env.vars };
  const binDir = await programs(KUBERNETES, build);
  const coredns = join(await programs(COREDNS, build), 'coredns');
  const busybox = (await programOf('busybox-static'))!;
  return { binDir, images: await imageArchives(env.cacheDir, { busybox, coredns }) };
}

/** False if it cannot be finished and has to be started anew. */
async function finish(cluster: Layout, tools: Tools, health: HealthDeps): Promise<boolean> {
  try {
    await complete(cluster, tools.images, health);
    await writeFile(cluster.readyMark, '');
    return true;
  } catch (error) {
    health.log(`${(error as Error).message} Starting it anew.`);
    return false;
  }
}

function wasReady(cluster: Layout): Promise<boolean> {
  return access(cluster.readyMark).then(() => true, () => false);
}

function asCluster(deps: LocalDeps, cluster: Layout, binDir: string): Cluster {
  return {
    provider: 'local',
    name: cluster.name,
    kubeconfigPath: cluster.kubeconfig,
    kubectl: join(binDir, 'kubectl'),
    nodes: () => Promise.resolve(cluster.nodes.map(({ name, ip, netns, podCIDR }) => ({ name, ip, netns, podCIDR }))),
    loadImage: async (archivePath) => {
      await access(archivePath).catch(() => {
        throw new ClusterError(`There is no image archive at ${archivePath}. Build it first, or check the path.`);
      });
      await Promise.all(cluster.nodes.map((node) => importImage(deps.run, node, archivePath)));
    },
  };
}

function checkNodes(nodes: number | undefined): void {
  if (nodes === undefined || (Number.isInteger(nodes) && nodes >= 1 && nodes <= MAX_NODES)) return;
  throw new ClusterError(`A local cluster has 1 to ${MAX_NODES} nodes, not ${nodes}. Choose another number with --nodes.`);
}

function checkSameSize(cluster: Layout, nodes: number | undefined): void {
  if (nodes === undefined || nodes === cluster.nodes.length) return;
  throw new ClusterError(
    `Local cluster "${cluster.name}" runs with ${cluster.nodes.length} node(s), not ${nodes}. Leave --nodes away to use it as it is, take it down first with \`npm run cluster -- down --name ${cluster.name}\`, or choose another --name.`,
  );
}
