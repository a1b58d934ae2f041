/** A cluster that somebody else runs: used as it is, never made, never removed, and only when asked for. */
import { ClusterError, type Cluster, type ClusterProvider } from './provider.ts';
import type { Env } from './env.ts';
import { lastLines, type Exec } from './exec.ts';
import { listNodes } from './nodes.ts';

export interface ExistingOptions {
  kubeconfig?: string;
  context?: string;
}

export function existingProvider(options: ExistingOptions, env: Env, run: Exec): ClusterProvider {
  const kubeconfig = options.kubeconfig ?? env.vars['KUBECONFIG'];
  if (kubeconfig === undefined || kubeconfig === '') {
    throw new ClusterError('--provider existing needs to know which cluster: give --kubeconfig FILE (and --context NAME if it is not the current one), or set KUBECONFIG.');
  }
  const { context } = options;
  const flags = ['--kubeconfig', kubeconfig, ...(context === undefined ? [] : ['--context', context])];
  const cluster: Cluster = {
    provider: 'existing',
    name: context ?? 'existing',
    kubeconfigPath: kubeconfig,
    ...(context === undefined ? {} : { context }),
    kubectl: 'kubectl',
    nodes: () => listNodes(run, 'kubectl', flags),
    loadImage: () =>
      Promise.reject(
        new ClusterError(
          'Images cannot be loaded into a cluster that somebody else runs. Push them to a registry that its nodes can pull from, and name that registry when installing.',
        ),
      ),
  };
  const answer = async () => run('kubectl', [...flags, 'get', '--raw', '/readyz']);
  return {
    name: 'existing',
    up: async ({ log }) => {
      const { code, stderr } = await answer();
      if (code === 127) throw new ClusterError('The command kubectl was not found, and --provider existing needs it. Install kubectl and see that it is on PATH.');
      if (code !== 0) {
        throw new ClusterError(`The cluster of ${kubeconfig}${context === undefined ? '' : ` (context ${context})`} does not answer: ${lastLines(stderr)}. Check that it runs and that the credentials are good: \`kubectl ${flags.join(' ')} get nodes\`.`);
      }
      log(`using the existing cluster of ${kubeconfig}`);
      return cluster;
    },
    find: async () => ((await answer()).code === 0 ? cluster : undefined),
    down: async (_name, log = () => undefined) => {
      log('an existing cluster is never removed; nothing was done');
    },
  };
}
