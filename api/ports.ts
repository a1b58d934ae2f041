/** Port numbers of the mesh (TCP). The proxy's are Linkerd's, so that network policies carry over. */
export const PORTS = {
  outbound: 4140,
  inbound: 4143,
  tap: 4190,
  admin: 4191,
  /** gRPC over mesh TLS */
  identity: 8080,
  destination: 8086,
  policy: 8090,
  /** HTTPS: admission webhooks; Service port 443 */
  webhook: 8443,
  /** HTTPS: the aggregated API (metrics and tap); Service port 443 */
  api: 8444,
  /** plain HTTP in control pods: /live /ready /metrics */
  controlAdmin: 9990,
} as const;

/** Server-speaks-first protocols and databases that are never sniffed (Linkerd's default list). */
export const DEFAULT_OPAQUE_PORTS = [25, 587, 3306, 4444, 5432, 6379, 9300, 11211];
/** Ports that bypass the proxy in both directions by default (Galera replication). */
export const DEFAULT_SKIP_PORTS = [4567, 4568];
