/** The cgroup of a cluster in every hierarchy: cgroup v1, v2, or both. */
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ClusterError } from '../provider.ts';
import { clusterCgroup } from './layout.ts';

const ROOT = '/sys/fs/cgroup';

interface Hierarchy {
  /** mount point */
  path: string;
  /** cgroup v2 */
  unified: boolean;
}

/** Hierarchies in the form of /proc/self/mounts. */
export function parseHierarchies(mounts: string): Hierarchy[] {
  const fields = mounts.split('\n').map((line) => line.split(' '));
  return fields.flatMap(([, path, type]) => (path !== undefined && (type === 'cgroup' || type === 'cgroup2') ? [{ path, unified: type === 'cgroup2' }] : []));
}

async function hierarchies(): Promise<Hierarchy[]> {
  return parseHierarchies(await readFile('/proc/self/mounts', 'utf8'));
}

/**
 * Makes a cgroup below the root of every hierarchy that a kubelet looks at, because it does not make its cgroupRoot itself.
 * Where v1 and v2 are both mounted, v1 has the controllers and runc makes what it wants in v2.
 */
export async function makeCgroup(cgroup: string): Promise<void> {
  for (const { path, unified } of (await hierarchies()).filter((hierarchy) => !hierarchy.unified || hierarchy.path === ROOT)) {
    const dir = join(path, cgroup);
    try {
      await mkdir(dir, { recursive: true });
      if (unified) await delegate(path, dir);
    } catch (error) {
      throw new ClusterError(
        `Could not make the cgroup ${dir}: ${(error as Error).message}. The local provider needs write access to /sys/fs/cgroup; inside a container start it privileged, or use another --provider.`,
        { cause: error },
      );
    }
  }
}

/** cgroup v2: every ancestor has to hand its controllers on. */
async function delegate(root: string, dir: string): Promise<void> {
  if (dir !== root) await delegate(root, dirname(dir));
  const available = (await readFile(join(dir, 'cgroup.controllers'), 'utf8')).trim().split(/\s+/).filter(Boolean);
  for (const controller of available) await writeFile(join(dir, 'cgroup.subtree_control'), `+${controller}`);
}

/** Removes the cluster's cgroups; their processes must have ended. */
export async function removeCgroups(name: string): Promise<void> {
  for (const { path } of await hierarchies()) {
    const dir = join(path, clusterCgroup(name));
    await removeTree(dir);
    // Other clusters may have theirs in it.
    await rmdir(dirname(dir)).catch(() => undefined);
  }
}

async function removeTree(dir: string): Promise<void> {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => undefined);
  if (!entries) return;
  for (const entry of entries) if (entry.isDirectory()) await removeTree(join(dir, entry.name));
  await rmdirPatiently(dir);
}

/** A cgroup stays busy for a moment after its last process has ended. */
async function rmdirPatiently(dir: string): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await rmdir(dir);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return;
      if (code !== 'EBUSY' || attempt === 50) throw new ClusterError(`Could not remove the cgroup ${dir}: ${(error as Error).message}. Look for processes in ${dir}/cgroup.procs, then run the command again.`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
