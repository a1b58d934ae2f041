/** The only reader of process.env under test/cluster. */
import { homedir } from 'node:os';
import { join } from 'node:path';

export interface Env {
  /** built binaries and images, shared by all clusters; safe to delete */
  cacheDir: string;
  /** one folder a cluster: keys, kubeconfig, logs, databases */
  clustersDir: string;
  /** what child processes inherit */
  vars: Record<string, string | undefined>;
}

/** XDG base directories, relative ones ignored as the specification asks. */
export function readEnv(vars: Record<string, string | undefined> = process.env): Env {
  const home = vars['HOME'] || homedir();
  const base = (value: string | undefined, fallback: string) => (value?.startsWith('/') ? value : join(home, fallback));
  return {
    cacheDir: join(base(vars['XDG_CACHE_HOME'], '.cache'), 'kubectl-mesh'),
    clustersDir: join(base(vars['XDG_STATE_HOME'], '.local/state'), 'kubectl-mesh', 'clusters'),
    vars,
  };
}
