/** Clusters of this machine: real Kubernetes, each node in namespaces of its own, without a container engine. */
import { access, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkName, ClusterError, DEFAULT_NAME, interrupted, type Cluster, type ClusterProvider, type UpOptions } from '../provider.ts';
import type { Env } from '../env.ts';
import { interruptible, type Exec } from '../exec.ts';
import { COREDNS, KUBERNETES, programs } from './binaries.ts';
import { removeCluster } from './clean.ts';
import { checkDisk, explained, failedLogs, keepLogs } from './failure.ts';
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
    const { log, signal } = options;
    checkNodes(options.nodes);
    try {
      const tools = await prepare(deps, options);
      const cluster = await locked(lockFile(name), log, () => runningCluster(name, options, tools), { signal, remove: true });
      return asCluster(deps, cluster, tools.binDir);
    } catch (error) {
      throw signal?.aborted ? interrupted() : explained(error, env.clustersDir);
    }
  }

  /** Uses what runs; starts anew what was never finished or has ended. */
  async function runningCluster(name: string, options: UpOptions, tools: Tools): Promise<Layout> {
    const { log } = options;
    const existing = await readCluster(env.clustersDir, name);
    if (existing && (await wasReady(existing))) {
      if (await nodesRun(existing)) {
        await useReady(existing, options, tools);
        return existing;
      }
      log(`the nodes of local cluster "${name}" have ended`);
    }
    await removeCluster(run, env.clustersDir, name);
    return startAnew(name, options, tools);
  }

  /** A cluster that was ready holds somebody's work, so it is waited for and never thrown away. */
  async function useReady(cluster: Layout, options: UpOptions, tools: Tools): Promise<void> {
    checkSameSize(cluster, options.nodes);
    if (!(await isHealthy(cluster))) {
      options.log(`local cluster "${cluster.name}" runs, but not everything in it is ready; waiting for it`);
      const logsAt = `${join(cluster.dir, 'nodes')}. \`npm run cluster -- down --name ${cluster.name}\` removes the cluster, so that another \`up\` starts anew`;
      await complete(cluster, tools.images, health(options, tools, logsAt));
    }
    options.log(`local cluster "${cluster.name}" is running`);
  }

  async function startAnew(name: string, options: UpOptions, tools: Tools): Promise<Layout> {
    options.log(`starting local cluster "${name}"`);
    const logsAt = failedLogs(env.clustersDir, name);
    try {
      await checkDisk(env.clustersDir);
      const cluster = await startCluster(name, options.nodes ?? 1, { run, clustersDir: env.clustersDir, binDir: tools.binDir, now: deps.date });
      await complete(cluster, tools.images, health(options, tools, logsAt));
      await writeFile(cluster.readyMark, '');
      return cluster;
    } catch (error) {
      if (!options.signal?.aborted) await keepLogs(join(env.clustersDir, name), logsAt);
      await removeCluster(run, env.clustersDir, name);
      throw error;
    }
  }

  const health = ({ log, signal }: UpOptions, tools: Tools, logsAt: string): HealthDeps => ({
    run, log, signal, logsAt, kubectl: join(tools.binDir, 'kubectl'), now: deps.now, sleep: deps.sleep,
  });

  return {
    name: 'local',
    up,
    find: async (name = DEFAULT_NAME) => {
      const cluster = await readCluster(env.clustersDir, checkName(name));
      return cluster && (await nodesRun(cluster)) ? asCluster(deps, cluster, join(env.cacheDir, KUBERNETES.name)) : undefined;
    },
    down: async (name = DEFAULT_NAME, log = () => undefined) => {
      const remove = async () => {
        await removeCluster(run, env.clustersDir, name);
        await rm(failedLogs(env.clustersDir, name), { recursive: true, force: true });
      };
      await locked(lockFile(checkName(name)), log, remove, { remove: true });
    },
  };
}

async function prepare(deps: LocalDeps, { log, signal }: UpOptions): Promise<Tools> {
  const { env } = deps;
  const run = interruptible(deps.run, signal);
  await ensurePackages({ run, log, vars: env.vars });
  const build = { run, log, signal, cacheDir: env.cacheDir, vars: env.vars };
  const binDir = await programs(KUBERNETES, build);
  const coredns = join(await programs(COREDNS, build), 'coredns');
  const busybox = (await programOf('busybox-static'))!;
  return { binDir, images: await imageArchives(env.cacheDir, { busybox, coredns }, log) };
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
