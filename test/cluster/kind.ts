/** Clusters of kind (Kubernetes in Docker), by its command line. Each keeps its credentials in a kubeconfig file of its own. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { checkName, ClusterError, DEFAULT_NAME, type Cluster, interrupted, type ClusterProvider, type UpOptions } from './provider.ts';
import type { Env } from './env.ts';
import { interruptible, lastLines, must, type Exec } from './exec.ts';
import { listNodes } from './nodes.ts';
import { longStep } from './progress.ts';

export interface KindDeps {
  env: Env;
  run: Exec;
}

/** Configuration for `kind create cluster`: one control plane, the rest workers. */
export function kindConfig(nodes: number): string {
  const roles = Array.from({ length: nodes }, (_, i) => ({ role: i === 0 ? 'control-plane' : 'worker' }));
  return stringify({ kind: 'Cluster', apiVersion: 'kind.x-k8s.io/v1alpha4', nodes: roles });
}

export function kindProvider({ env, run }: KindDeps): ClusterProvider {
  const dir = (name: string) => join(env.clustersDir, `kind-${name}`);
  const asCluster = (name: string): Cluster => {
    const kubeconfigPath = join(dir(name), 'kubeconfig');
    return {
      provider: 'kind',
      name,
      kubeconfigPath,
      kubectl: 'kubectl',
      nodes: () => listNodes(run, 'kubectl', ['--kubeconfig', kubeconfigPath]),
      loadImage: async (archivePath) => {
        await must(run, `load ${archivePath} into the kind cluster`, 'kind', ['load', 'image-archive', archivePath, '--name', name]);
      },
    };
  };
  const exists = async (name: string) => {
    const { code, stdout, stderr } = await run('kind', ['get', 'clusters']);
    if (code === 127) throw new ClusterError('The command kind was not found. Install kind and see that it is on PATH, or use --provider local as root on Linux.');
    if (code !== 0) throw new ClusterError(`kind cannot list its clusters: ${lastLines(stderr)}. Check that Docker runs: \`docker version\`.`);
    return stdout.split('\n').includes(name);
  };

  return {
    name: 'kind',
    up: async (options) => {
      const name = checkName(options.name ?? DEFAULT_NAME);
      const cluster = asCluster(name);
      const there = await exists(name);
      await mkdir(dir(name), { recursive: true, mode: 0o700 });
      if (there) {
        await must(run, 'write the kubeconfig', 'kind', ['export', 'kubeconfig', '--name', name, '--kubeconfig', cluster.kubeconfigPath]);
        if (await isReady(run, cluster)) {
          await checkSameSize(cluster, options.nodes);
          options.log(`kind cluster "${name}" is running`);
          return cluster;
        }
        options.log(`kind cluster "${name}" exists but its nodes are not Ready; making it anew`);
        await remove(run, name);
      }
      try {
        await create(interruptible(run, options.signal), run, name, cluster.kubeconfigPath, options.nodes ?? 1, options);
      } catch (e) {
        await rm(dir(name), { recursive: true, force: true });
        throw e;
      }
      return cluster;
    },
    find: async (name = DEFAULT_NAME) => {
      const cluster = asCluster(checkName(name));
      return (await exists(name)) && (await isReady(run, cluster)) ? cluster : undefined;
    },
    down: async (name = DEFAULT_NAME) => {
      if (await exists(checkName(name))) await remove(run, name);
      await rm(dir(name), { recursive: true, force: true });
    },
  };
}

async function create(run: Exec, cleanup: Exec, name: string, kubeconfig: string, nodes: number, { log, signal }: UpOptions): Promise<void> {
  const args = ['create', 'cluster', '--name', name, '--kubeconfig', kubeconfig, '--wait', '180s', '--config', '-'];
  const { code, stderr } = await longStep(log, `creating kind cluster "${name}" with ${nodes} node(s)`, () => run('kind', args, { input: kindConfig(nodes) }));
  if (code === 0) return;
  // kind leaves the containers of a failed start behind when it was interrupted.
  await cleanup('kind', ['delete', 'cluster', '--name', name]);
  if (signal?.aborted) throw interrupted();
  throw new ClusterError(`kind could not create the cluster: ${lastLines(stderr)}. Check that Docker runs and has disk space left (\`docker version\`, \`docker system df\`), then run the command again.`);
}

async function remove(run: Exec, name: string): Promise<void> {
  await must(run, `delete the kind cluster "${name}"`, 'kind', ['delete', 'cluster', '--name', name]);
}

async function isReady(run: Exec, cluster: Cluster): Promise<boolean> {
  const args = ['--kubeconfig', cluster.kubeconfigPath, 'wait', '--for=condition=Ready', 'nodes', '--all', '--timeout=30s'];
  return (await run(cluster.kubectl, args)).code === 0;
}

async function checkSameSize(cluster: Cluster, nodes: number | undefined): Promise<void> {
  const actual = nodes === undefined ? undefined : (await cluster.nodes()).length;
  if (actual === nodes) return;
  throw new ClusterError(`kind cluster "${cluster.name}" runs with ${actual} node(s), not ${nodes}. Leave --nodes away to use it as it is, or take it down first with \`npm run cluster -- down --provider kind --name ${cluster.name}\`.`);
}
