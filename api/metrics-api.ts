/**
 * The aggregated API served by mesh-control behind the Kubernetes API server (APIService v1alpha1.metrics.kubectl-mesh.io).
 *
 *   GET /apis/metrics.kubectl-mesh.io/v1alpha1/namespaces/NS/trafficmetrics   ?kind=deployment&name=web&window=30s&labelSelector=…
 *   GET /apis/metrics.kubectl-mesh.io/v1alpha1/trafficmetrics                 (all namespaces)
 *   GET /apis/metrics.kubectl-mesh.io/v1alpha1/namespaces/NS/trafficedges     ?kind=deployment
 *   GET /apis/metrics.kubectl-mesh.io/v1alpha1/trafficedges
 *
 * With `Accept: application/json;as=Table;…` it answers a meta.k8s.io/v1 Table, so plain `kubectl get trafficmetrics` prints columns.
 */
export const METRICS_GROUP = 'metrics.kubectl-mesh.io';
export const METRICS_VERSION = 'v1alpha1';

/** Kinds that traffic is grouped by; singular lower case, as in `?kind=`. Default: deployment. */
export type WorkloadKind = 'deployment' | 'statefulset' | 'daemonset' | 'job' | 'cronjob' | 'replicaset' | 'pod' | 'namespace' | 'service';

export interface TrafficMetrics {
  kind: 'TrafficMetrics';
  apiVersion: 'metrics.kubectl-mesh.io/v1alpha1';
  metadata: { name: string; namespace: string; labels?: Record<string, string> };
  workload: { kind: WorkloadKind; name: string };
  /** pods of the workload: how many run, how many of them have the proxy */
  pods: { total: number; meshed: number };
  /** seconds that the figures cover; rates are per second; null = no traffic in the window */
  windowSeconds: number;
  successRate: number | null;
  requestsPerSecond: number | null;
  latencyMs: { p50: number | null; p95: number | null; p99: number | null };
  /** faults injected on purpose into requests for a Service; 0 for other kinds */
  injected: { abortsPerSecond: number; delaysPerSecond: number };
  tcp: { openConnections: number; readBytesPerSecond: number; writeBytesPerSecond: number };
}
export interface TrafficMetricsList { kind: 'TrafficMetricsList'; apiVersion: 'metrics.kubectl-mesh.io/v1alpha1'; metadata: Record<string, never>; items: TrafficMetrics[] }

export interface EdgeEnd { kind: WorkloadKind; name: string; namespace: string }
export interface TrafficEdge {
  kind: 'TrafficEdge';
  apiVersion: 'metrics.kubectl-mesh.io/v1alpha1';
  metadata: { name: string; namespace: string };
  src: EdgeEnd;
  dst: EdgeEnd;
  /** mesh identities; empty when unknown */
  clientId: string;
  serverId: string;
  secured: boolean;
  /** why not, when secured is false: a no_tls_reason of the proxy's metrics */
  reason: string;
}
export interface TrafficEdgeList { kind: 'TrafficEdgeList'; apiVersion: 'metrics.kubectl-mesh.io/v1alpha1'; metadata: Record<string, never>; items: TrafficEdge[] }

/**
 * Tap: GET /apis/tap.kubectl-mesh.io/v1alpha1/watch/namespaces/NS/KIND/NAME/tap with KIND plural (deployments, pods, …);
 * `watch` in the path makes the API server treat it as long-running. Query: maxRps (default 100), method, path (prefix), authority, scheme,
 * toKind/toName/toNamespace. The answer is application/json, one TapEvent a line, until the client goes away.
 * RBAC: verb watch on resource KIND/tap in API group tap.kubectl-mesh.io.
 */
export const TAP_GROUP = 'tap.kubectl-mesh.io';
export const TAP_VERSION = 'v1alpha1';

export interface TapEvent {
  /** pod that saw it, namespace/name */
  pod: string;
  /** joins the events of one exchange: base.stream */
  id: string;
  proxyDirection: 'INBOUND' | 'OUTBOUND';
  source: { ip: string; port: number; metadata: Record<string, string> };
  destination: { ip: string; port: number; metadata: Record<string, string> };
  routeMeta?: Record<string, string>;
  requestInit?: { method: string; scheme: string; authority: string; path: string; headers: [string, string][] };
  responseInit?: { sinceRequestInitMicros: number; httpStatus: number; headers: [string, string][] };
  responseEnd?: { sinceRequestInitMicros: number; sinceResponseInitMicros: number; responseBytes: number; grpcStatus?: number; resetErrorCode?: number; trailers: [string, string][] };
}
