import type { KubeClient } from '../../lib/kube/client.ts';
import { startCluster } from './cluster.ts';
import type { Cluster, ClusterOptions } from './cluster.ts';

const running = new WeakMap<KubeClient, { cluster: Cluster; users: number }>();

/** The one Cluster of a client: services in one process share its watches. It ends when each has called `release`. */
export function shareCluster(options: ClusterOptions): { cluster: Cluster; release: () => Promise<void> } {
  let shared = running.get(options.client);
  if (!shared) {
    shared = { cluster: startCluster(options), users: 0 };
    running.set(options.client, shared);
  }
  const mine = shared;
  mine.users++;
  let released = false;
  return {
    cluster: mine.cluster,
    async release() {
      if (released) return;
      released = true;
      mine.users--;
      if (mine.users > 0) return;
      running.delete(options.client);
      await mine.cluster.stop();
    },
  };
}
