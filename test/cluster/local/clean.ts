/** Removes every trace of a cluster, from whatever point its life was cut off at. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ClusterError } from '../provider.ts';
import type { Exec } from '../exec.ts';
import { removeCgroups } from './cgroups.ts';
import { namespacesOf, removeNetwork } from './network.ts';
import { argumentsOf, killAll, processesOf } from './processes.ts';

/** Works from the name alone: the cluster's own files may be gone or half written. Throws ClusterError. */
export async function removeCluster(run: Exec, clustersDir: string, name: string): Promise<void> {
  const dir = join(clustersDir, name);
  const isOurs = (argument: string) => argument.startsWith(`${dir}/nodes/`) && argument.endsWith('/init.sh');
  const namespaces = (await namespacesOf(run, name)).map((namespace) => `/run/netns/${namespace}`);
  await refuseForeign(name, dir, namespaces);
  await killAll(() => processesOf(namespaces, isOurs));
  await removeNetwork(run, name);
  await removeCgroups(name);
  await rm(dir, { recursive: true, force: true });
}

/** The namespaces are the machine's, the state folder is the user's: another one may run a cluster of the same name. */
async function refuseForeign(name: string, dir: string, namespaces: readonly string[]): Promise<void> {
  const scripts = (await Promise.all((await processesOf(namespaces, () => false)).map(argumentsOf))).flat();
  const foreign = scripts.find((argument) => /\/nodes\/\d+\/init\.sh$/.test(argument) && !argument.startsWith(`${dir}/`));
  if (foreign === undefined) return;
  const theirs = foreign.replace(/\/nodes\/\d+\/init\.sh$/, '');
  throw new ClusterError(`A local cluster "${name}" runs on this machine already, from another state folder: ${theirs}. Choose another --name, or set XDG_STATE_HOME and HOME as they were when it was started.`);
}
