import type { EdgeEnd, TapEvent, TrafficEdge, TrafficMetrics, WorkloadKind } from '../../api/metrics-api.ts';
import { identityName } from '../../api/names.ts';

/** Figures of one workload; what is not given is what a workload without traffic has. */
export function metrics(namespace: string, kind: WorkloadKind, name: string, given: Partial<TrafficMetrics> = {}): TrafficMetrics {
  return {
    kind: 'TrafficMetrics', apiVersion: 'metrics.kubectl-mesh.io/v1alpha1', metadata: { name, namespace }, workload: { kind, name }, pods: { total: 1, meshed: 1 },
    windowSeconds: 60, successRate: null, requestsPerSecond: null, latencyMs: { p50: null, p95: null, p99: null },
    injected: { abortsPerSecond: 0, delaysPerSecond: 0 },
    tcp: { openConnections: 0, readBytesPerSecond: 0, writeBytesPerSecond: 0 }, ...given,
  };
}

export function edge(src: string, dst: string, reason = ''): TrafficEdge {
  const end = (name: string): EdgeEnd => ({ kind: 'deployment', name, namespace: 'bookshop' });
  const identity = (name: string): string => (reason === '' ? identityName(name, 'bookshop', 'cluster.local', 'mesh-system') : '');
  return {
    kind: 'TrafficEdge', apiVersion: 'metrics.kubectl-mesh.io/v1alpha1', metadata: { name: `${src}-${dst}`, namespace: 'bookshop' }, src: end(src), dst: end(dst),
    clientId: identity(src), serverId: identity(dst), secured: reason === '', reason,
  };
}

/** One event of an exchange between two pods. */
export function tapEvent(id: string, what: Pick<TapEvent, 'requestInit' | 'responseInit' | 'responseEnd'>, given: Partial<TapEvent> = {}): TapEvent {
  return {
    pod: 'bookshop/web-1', id, proxyDirection: 'OUTBOUND', source: { ip: '10.1.0.5', port: 43210, metadata: { deployment: 'web' } },
    destination: { ip: '10.1.0.6', port: 8080, metadata: { deployment: 'books', tls: 'true' } }, ...what, ...given,
  };
}
