import { DEFAULT_CLUSTER_DOMAIN, DEFAULT_CONTROL_NAMESPACE, DEFAULT_TRUST_DOMAIN } from '../../../api/names.ts';
import type { MeshConfig } from '../../../api/config.ts';
import { DEFAULT_OPAQUE_PORTS } from '../../../api/ports.ts';
import { fakeApiServer } from '../../../lib/kube/testing/fake-api-server.ts';
import type { FakeApiServer } from '../../../lib/kube/testing/fake-api-server.ts';
import type { KubeObject } from '../../../lib/kube/types.ts';
import { systemClock } from '../../../lib/clock.ts';
import { startCluster } from '../cluster.ts';
import type { Cluster } from '../cluster.ts';

export const testConfig: MeshConfig = {
  version: '0.0.0-test',
  controlNamespace: DEFAULT_CONTROL_NAMESPACE,
  trustDomain: DEFAULT_TRUST_DOMAIN,
  clusterDomain: DEFAULT_CLUSTER_DOMAIN,
  registry: 'registry.test',
  imagePullPolicy: 'Never',
  clusterNetworks: ['10.0.0.0/8', 'fd00::/8'],
  identity: { authority: 'automatic', issuanceLifetimeSeconds: 86_400, issuerLifetimeSeconds: 2_592_000, anchorLifetimeSeconds: 31_536_000, rotationPatienceSeconds: 3600, clockSkewSeconds: 20 },
  proxy: {
    logLevel: 'info',
    opaquePorts: DEFAULT_OPAQUE_PORTS,
    skipInboundPorts: ['4567-4568'],
    skipOutboundPorts: [],
    defaultInboundPolicy: 'all-unauthenticated',
    shutdownGraceSeconds: 30,
  },
};

export interface TestCluster {
  api: FakeApiServer;
  cluster: Cluster;
  /** lines that were logged at warn and error */
  logged: string[];
  close: () => Promise<void>;
}

/** The real watches over a fake API server that holds these manifests; resolves when they have synced. */
export async function testCluster(...manifests: (string | KubeObject)[]): Promise<TestCluster> {
  const api = await fakeApiServer(...manifests);
  const logged: string[] = [];
  const note = (fields: object, message: string) => void logged.push(`${message} ${JSON.stringify(fields)}`);
  const cluster = startCluster({ client: api.client(), log: { debug: () => undefined, warn: note, error: note }, clock: systemClock });
  await cluster.synced;
  return {
    api,
    cluster,
    logged,
    async close() {
      await cluster.stop();
      await api.close();
    },
  };
}
