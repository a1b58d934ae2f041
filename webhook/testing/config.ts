import type { MeshConfig } from '../../api/config.ts';
import { DEFAULT_OPAQUE_PORTS, DEFAULT_SKIP_PORTS } from '../../api/ports.ts';

/** A configuration as a default install writes it, with a version of its own so that goldens outlive releases. */
export const testConfig: MeshConfig = {
  version: '9.9.9',
  controlNamespace: 'mesh-system',
  trustDomain: 'cluster.local',
  clusterDomain: 'cluster.local',
  registry: 'kubectl-mesh.io',
  imagePullPolicy: 'IfNotPresent',
  clusterNetworks: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'],
  identity: {
    authority: 'automatic', issuanceLifetimeSeconds: 86_400, issuerLifetimeSeconds: 2_592_000, anchorLifetimeSeconds: 31_536_000, rotationPatienceSeconds: 3600, clockSkewSeconds: 20,
  },
  proxy: {
    logLevel: 'info',
    opaquePorts: DEFAULT_OPAQUE_PORTS,
    skipInboundPorts: DEFAULT_SKIP_PORTS.map(String),
    skipOutboundPorts: DEFAULT_SKIP_PORTS.map(String),
    defaultInboundPolicy: 'all-unauthenticated',
    shutdownGraceSeconds: 30,
  },
};
