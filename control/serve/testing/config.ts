import type { MeshConfig } from '../../../api/config.ts';
import { DEFAULT_OPAQUE_PORTS } from '../../../api/ports.ts';
import type { ControlEnv } from '../../env.ts';
import { readEnv } from '../../env.ts';

export const testConfig: MeshConfig = {
  version: '9.9.9',
  controlNamespace: 'mesh-system',
  trustDomain: 'cluster.local',
  clusterDomain: 'cluster.local',
  registry: 'kubectl-mesh.io',
  imagePullPolicy: 'IfNotPresent',
  clusterNetworks: ['10.0.0.0/8'],
  identity: {
    authority: 'automatic', issuanceLifetimeSeconds: 86_400, issuerLifetimeSeconds: 2_592_000, anchorLifetimeSeconds: 31_536_000, rotationPatienceSeconds: 3600, clockSkewSeconds: 20,
  },
  proxy: {
    logLevel: 'info', opaquePorts: DEFAULT_OPAQUE_PORTS, skipInboundPorts: [], skipOutboundPorts: [], defaultInboundPolicy: 'all-unauthenticated', shutdownGraceSeconds: 30,
  },
};

/** Loopback and free ports. */
export function testEnv(overrides: Partial<ControlEnv> = {}): ControlEnv {
  const env = readEnv({});
  const ports = Object.fromEntries(Object.keys(env.ports).map((name) => [name, 0])) as ControlEnv['ports'];
  return { ...env, podName: 'pod-1', podNamespace: 'mesh-system', listenHost: '127.0.0.1', ports, ...overrides };
}
