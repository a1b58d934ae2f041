/** kubectl and the plugin as a person runs them: found on PATH, with KUBECONFIG set. */
import { rm, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { lastLines, type Exec, type ExecOptions, type ExecResult } from '../cluster/exec.ts';
import type { Cluster } from '../cluster/provider.ts';
import { MeshError } from './errors.ts';

const NOT_FOUND = 127;

export interface Kube {
  readonly cluster: Cluster;
  /** file whose current context is the cluster */
  readonly kubeconfig: string;
  /** folders of kubectl-mesh and kubectl, in the order that PATH needs */
  readonly path: string[];
  /** environment of the programs */
  readonly env: Record<string, string | undefined>;
  /** Runs kubectl; a status other than 0 is a result. Throws MeshError where there is no kubectl. */
  kubectl(args: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  /** Runs kubectl, which must succeed; its standard output. `what` completes "Could not …". Throws MeshError. */
  must(what: string, args: readonly string[], options?: ExecOptions): Promise<string>;
  /** The object or list that kubectl prints with `-o json`. Throws MeshError. */
  json<T>(what: string, args: readonly string[]): Promise<T>;
  /** the same with another way to run programs */
  using(run: Exec): Kube;
  /** removes the kubeconfig if it was made for this */
  close(): Promise<void>;
}

/** Programs for this cluster; `root` is the checkout. */
export async function kubeFor(cluster: Cluster, root: string, vars: Record<string, string | undefined>, run: Exec): Promise<Kube> {
  const path = [join(root, 'dist'), ...(isAbsolute(cluster.kubectl) ? [dirname(cluster.kubectl)] : [])];
  const env = { ...vars, KUBECONFIG: cluster.kubeconfigPath, PATH: [...path, vars['PATH'] ?? ''].join(delimiter) };
  const whole = programs({ cluster, kubeconfig: cluster.kubeconfigPath, path, env, close: () => Promise.resolve() }, run);
  if (cluster.context === undefined) return whole;
  const { file, remove } = await contextAlone(whole, cluster.context);
  return programs({ ...whole, kubeconfig: file, env: { ...env, KUBECONFIG: file }, close: remove }, run);
}

function programs(facts: Pick<Kube, 'cluster' | 'kubeconfig' | 'path' | 'env' | 'close'>, run: Exec): Kube {
  const { env } = facts;
  const kubectl: Kube['kubectl'] = async (args, options) => {
    const result = await run('kubectl', args, { env, ...options });
    if (result.code !== NOT_FOUND) return result;
    throw new MeshError('The command kubectl was not found. Install it and see that it is on PATH, or use --provider local as root on Linux, which brings its own.');
  };
  const must: Kube['must'] = async (what, args, options) => {
    const { code, stdout, stderr } = await kubectl(args, options);
    if (code === 0) return stdout;
    throw new MeshError(`Could not ${what}. \`kubectl ${args.join(' ')}\` ended with status ${code}: ${lastLines(stderr || stdout)}`);
  };
  return {
    ...facts,
    kubectl,
    must,
    json: async (what, args) => JSON.parse(await must(what, [...args, '-o', 'json'])) as never,
    using: (other) => programs(facts, other),
  };
}

/** A kubeconfig with one context, since plugins are not told of kubectl's --context. It holds credentials, so only its user may read it. */
async function contextAlone(kube: Kube, context: string): Promise<{ file: string; remove: () => Promise<void> }> {
  const text = await kube.must(`read context ${context} of ${kube.kubeconfig}`, ['config', 'view', '--raw', '--minify', '--flatten', '--context', context]);
  const dir = await mkdtemp(join(tmpdir(), 'kubectl-mesh-'));
  const file = join(dir, 'kubeconfig');
  await writeFile(file, text, { mode: 0o600 });
  return { file, remove: () => rm(dir, { recursive: true, force: true }) };
}
