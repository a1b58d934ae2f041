/** The only reader of process.env under test/mesh, test/demo and test/e2e. */
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { imageCacheDir } from '../../images/env.ts';
import { readEnv as readClusterEnv, type Env as ClusterEnv } from '../cluster/env.ts';

export interface MeshEnv {
  /** the checkout */
  root: string;
  cluster: ClusterEnv;
  imageCacheDir: string;
  /** KEEP is set: the end-to-end tests leave their cluster running */
  keep: boolean;
  /** what child processes inherit */
  vars: Record<string, string | undefined>;
}

export function readEnv(vars: Record<string, string | undefined> = process.env): MeshEnv {
  return {
    root: dirname(dirname(dirname(fileURLToPath(import.meta.url)))),
    cluster: readClusterEnv(vars),
    imageCacheDir: imageCacheDir(vars),
    keep: (vars['KEEP'] ?? '') !== '',
    vars,
  };
}
