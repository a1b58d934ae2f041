import { createKubeClient, type KubeClient } from '../../lib/kube/client.ts';
import type { Connection } from '../../lib/kube/connection.ts';
import { KubeError } from '../../lib/kube/error.ts';
import { kubeconfig } from '../../lib/kube/kubeconfig.ts';
import { messageOf } from './errors.ts';

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
  const connection = explainingCredentials(await kubeconfig({ path: target.kubeconfig, context: target.context }));
  return createKubeClient({ connection: target.as ? impersonating(connection, target.as, target.asGroups) : connection, name: FIELD_MANAGER });
};

/** Reason of a KubeError when what the kubeconfig says about the user, a credential plugin most often, gives no credentials. */
export const NO_CREDENTIALS = 'NoCredentials';

function explainingCredentials(connection: Connection): Connection {
  return {
    server: connection.server,
    namespace: connection.namespace,
    authorize: (fresh) => connection.authorize(fresh).catch((error: unknown) => {
      if (error instanceof KubeError) throw error;
      // client-node passes on what a failed plugin wrote to stderr, which may be nothing.
      const said = messageOf(error).trim().split('\n').at(-1)!.replace(/^undefined$/, '');
      throw new KubeError(0, NO_CREDENTIALS, said || 'the credential plugin failed without a word', undefined, error);
    }),
    close: () => connection.close(),
  };
}

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
