import { inCluster } from './connection.ts';
import type { Connection } from './connection.ts';
import { kubeconfig } from './kubeconfig.ts';
import type { KubeconfigOptions } from './kubeconfig.ts';

export interface ConnectEnv {
  /** set by Kubernetes in every pod */
  KUBERNETES_SERVICE_HOST?: string | undefined;
  KUBERNETES_SERVICE_PORT?: string | undefined;
  /** read by kubectl and by us: a list of files */
  KUBECONFIG?: string | undefined;
}

/** A pod's own credentials, unless a kubeconfig is asked for (by option or KUBECONFIG) or there is no pod around us. */
export async function connectKube(env: ConnectEnv, now: () => number, options: KubeconfigOptions = {}): Promise<Connection> {
  const host = env.KUBERNETES_SERVICE_HOST;
  const asked = options.path !== undefined || options.context !== undefined || Boolean(env.KUBECONFIG);
  if (host && !asked) return inCluster({ host, port: env.KUBERNETES_SERVICE_PORT ?? '443', now });
  return kubeconfig(options);
}
