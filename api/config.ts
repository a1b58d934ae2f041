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
  identity: IdentityConfig;
  /** canaries are led, by a Deployment of their own that may change Deployments; default false */
  canary?: boolean;
  /** three replicas of every control Deployment, spread over nodes and zones; default false: one */
  highAvailability?: boolean;
  proxy: ProxyConfig;
}

export interface IdentityConfig {
  /** automatic: mesh-identity makes root and issuer and rotates both; given: they are somebody else's, and only followed */
  authority: 'automatic' | 'given';
  /** seconds a leaf is valid; default 86400 */
  issuanceLifetimeSeconds: number;
  /** seconds an issuer is valid; replaced at two thirds; default 720 h; at least 3 times the leaf's */
  issuerLifetimeSeconds: number;
  /** seconds a trust anchor is valid; replaced from two thirds on; default 8760 h; at least 3 times the issuer's */
  anchorLifetimeSeconds: number;
  /** seconds that a rotation waits for proxies that cannot be asked whether they trust the new anchor; default 1 h */
  rotationPatienceSeconds: number;
  clockSkewSeconds: number;
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
