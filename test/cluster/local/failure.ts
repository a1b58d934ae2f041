/** What is said and kept when a cluster cannot be started. */
import { cp, mkdir, readdir, rm, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ClusterError } from '../provider.ts';

const MIB = 2 ** 20;
/** The database, the images and the logs of an idle cluster take half of this. */
const NEEDED = 500 * MIB;

/** Throws ClusterError unless a cluster fits on the disk. */
export async function checkDisk(clustersDir: string): Promise<void> {
  await mkdir(clustersDir, { recursive: true, mode: 0o700 });
  const { bavail, bsize } = await statfs(clustersDir);
  if (bavail * bsize < NEEDED) throw diskFull(clustersDir, `${Math.floor((bavail * bsize) / MIB)} MiB are free`);
}

/** Errors of the file system as sentences; others as they are. */
export function explained(error: unknown, clustersDir: string): unknown {
  const { code, path, message } = error as NodeJS.ErrnoException;
  switch (error instanceof ClusterError ? undefined : code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return diskFull(clustersDir, message);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new ClusterError(`The local cluster could not write ${path ?? 'a file'}: ${message}. Run the command as root, or set XDG_STATE_HOME and XDG_CACHE_HOME to folders that can be written.`, { cause: error });
    default:
      return error;
  }
}

function diskFull(clustersDir: string, why: string): ClusterError {
  return new ClusterError(
    `Too little disk space for a local cluster at ${clustersDir}: ${why}; ${NEEDED / MIB} MiB are needed, and more for what is run in it. Free some space, or set XDG_STATE_HOME to a folder on a larger disk, then run the command again.`,
  );
}

/** Where the logs of a failed start are kept until the next one. */
export function failedLogs(clustersDir: string, name: string): string {
  return join(dirname(clustersDir), 'failed', name);
}

/** Copies the logs of every node of the cluster at `dir` to `to`, one folder a node. */
export async function keepLogs(dir: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  const nodes = await readdir(join(dir, 'nodes')).catch(() => []);
  // A failure to keep the logs, on a full disk for one, must not hide the failure they are about.
  for (const node of nodes) await cp(join(dir, 'nodes', node, 'log'), join(to, node), { recursive: true }).catch(() => undefined);
}
