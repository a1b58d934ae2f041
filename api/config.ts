import type { DEFAULT_OPAQUE_PORTS } from './ports.ts';

/**
 * The mesh-wide configuration: written by `kubectl mesh install` into ConfigMap mesh-config (key config.yaml),
 * read by the control services from the mounted file. Strings of quantities are Kubernetes quantities.
 */
export interface MeshConfig {
  version: string;
  controlNamespace: string;
  trustDomain: string;
  clusterDomain: string;
  /** registry prefix of every image, e.g. kubectl-mesh.io */
  registry: string;
  imagePullPolicy: 'Always' | 'IfNotPresent' | 'Never';
  /** pod and service networks: destinations outside are not looked up. CIDRs. */
  clusterNetworks: string[];
  identity: {
    /** seconds a leaf is valid; default 86400 */
    issuanceLifetimeSeconds: number;
    clockSkewSeconds: number;
  };
  proxy: ProxyConfig;
}

export interface ProxyConfig {
  logLevel: 'error' | 'warn' | 'info' | 'debug';
  opaquePorts: typeof DEFAULT_OPAQUE_PORTS;
  skipInboundPorts: string[];
  skipOutboundPorts: string[];
  /** Linkerd's names: all-unauthenticated, all-authenticated, cluster-authenticated, cluster-unauthenticated, deny, audit */
  defaultInboundPolicy: string;
  cpuRequest?: string | undefined;
  cpuLimit?: string | undefined;
  memoryRequest?: string | undefined;
  memoryLimit?: string | undefined;
  /** seconds between SIGTERM and the end of the drain; default 30 */
  shutdownGraceSeconds: number;
}
