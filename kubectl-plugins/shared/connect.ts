import { createKubeClient, type KubeClient } from '../../lib/kube/client.ts';
import type { Connection } from '../../lib/kube/connection.ts';
import { kubeconfig } from '../../lib/kube/kubeconfig.ts';

/** Which cluster, and as whom. */
export interface Target {
  kubeconfig: string | undefined;
  context: string | undefined;
  as: string | undefined;
  asGroups: string[];
}

export type Connect = (target: Target) => Promise<KubeClient>;

/** Field manager of everything that the plugin writes, and its user agent. */
export const FIELD_MANAGER = 'kubectl-mesh';

/** A client for the cluster that the kubeconfig names. Nothing is sent until the first call. */
export const connect: Connect = async (target) => {
  const connection = await kubeconfig({ path: target.kubeconfig, context: target.context });
  return createKubeClient({ connection: target.as ? impersonating(connection, target.as, target.asGroups) : connection, name: FIELD_MANAGER });
};

function impersonating(connection: Connection, user: string, groups: readonly string[]): Connection {
  return {
    server: connection.server,
    namespace: connection.namespace,
    async authorize(fresh) {
      const own = await connection.authorize(fresh);
      const headers: Record<string, string> = { ...own.headers, 'Impersonate-User': user };
      // The API server wants the header repeated for several groups, and Node sends an array so.
      if (groups.length > 0) headers['Impersonate-Group'] = groups as unknown as string;
      return { ...own, headers };
    },
    close: () => connection.close(),
  };
}

/** Runs `work` with a client and closes its sockets whatever happens. */
export async function withCluster<R>(connectTo: Connect, target: Target, work: (kube: KubeClient) => Promise<R>): Promise<R> {
  const kube = await connectTo(target);
  try {
    return await work(kube);
  } finally {
    kube.close();
  }
}
