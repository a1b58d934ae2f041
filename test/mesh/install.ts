/** The mesh itself, by the plugin alone. */
import { lastLines } from '../cluster/exec.ts';
import type { Progress } from '../cluster/provider.ts';
import { CONTROL_WORKLOAD, DEFAULT_CONTROL_NAMESPACE, IDENTITY_WORKLOAD } from '../../api/names.ts';
import { MeshError } from './errors.ts';
import type { Kube } from './kube.ts';

const MINUTES = '3m';

export async function namespaceExists(kube: Kube, name: string): Promise<boolean> {
  return (await kube.must(`look for namespace ${name}`, ['get', 'namespace', name, '-o', 'name', '--ignore-not-found'])).trim() !== '';
}

export interface InstallOptions {
  /** an install is there: apply over it */
  again: boolean;
  /** images that running pods do not have yet: start the control plane anew */
  restart: boolean;
  /** further arguments of `kubectl mesh install` */
  args?: string[];
  log: Progress;
}

/** `kubectl mesh install`, with its progress. Throws MeshError. */
export async function install(kube: Kube, { again, restart, args = [], log }: InstallOptions): Promise<void> {
  const command = ['mesh', 'install', ...(again ? ['--force'] : []), ...args];
  const { code, stderr, stdout } = await kube.kubectl(command, { onLine: (line) => log(`  ${line}`) });
  if (code !== 0) throw new MeshError(`\`kubectl ${command.join(' ')}\` ended with status ${code}: ${lastLines(stderr || stdout)}`);
  if (again && restart) await restartControlPlane(kube);
}

async function restartControlPlane(kube: Kube): Promise<void> {
  const deployments = [IDENTITY_WORKLOAD, CONTROL_WORKLOAD].map((name) => `deploy/${name}`);
  const at = ['-n', DEFAULT_CONTROL_NAMESPACE];
  await kube.must('restart the control plane', ['rollout', 'restart', ...deployments, ...at]);
  for (const name of deployments) await kube.must(`see ${name} restarted`, ['rollout', 'status', name, ...at, `--timeout=${MINUTES}`]);
}

/** `kubectl mesh uninstall`, whatever still runs in the mesh. Throws MeshError. */
export async function uninstall(kube: Kube): Promise<void> {
  await kube.must('uninstall the mesh', ['mesh', 'uninstall', '--force', `--timeout=${MINUTES}`]);
}
