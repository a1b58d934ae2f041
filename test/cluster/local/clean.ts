/** Removes every trace of a cluster, from whatever point its life was cut off at. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Exec } from '../exec.ts';
import { removeCgroups } from './cgroups.ts';
import { namespacesOf, removeNetwork } from './network.ts';
import { killAll, processesOf } from './processes.ts';

/** Works from the name alone: the cluster's own files may be gone or half written. Throws ClusterError. */
export async function removeCluster(run: Exec, clustersDir: string, name: string): Promise<void> {
  const dir = join(clustersDir, name);
  const isInitScript = (argument: string) => argument.startsWith(`${dir}/nodes/`) && argument.endsWith('/init.sh');
  const namespaces = (await namespacesOf(run, name)).map((namespace) => `/run/netns/${namespace}`);
  await killAll(() => processesOf(namespaces, isInitScript));
  await removeNetwork(run, name);
  await removeCgroups(name);
  await rm(dir, { recursive: true, force: true });
}
