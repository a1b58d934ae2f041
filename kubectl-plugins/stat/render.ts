import type { TrafficMetrics } from '../../api/metrics-api.ts';
import { table, type Column } from '../shared/table.ts';
import type { StatOptions } from './options.ts';

const NONE = '-';

/** One table; kinds are told apart by a prefix on the name when there are several. */
export function metricsTable(items: readonly TrafficMetrics[], options: { namespaces: boolean; prefix: string; wide: boolean }): string {
  const faulty = items.some(({ injected }) => injected.abortsPerSecond + injected.delaysPerSecond > 0);
  const columns: Column[] = [
    ...(options.namespaces ? [{ heading: 'NAMESPACE' }] : []),
    { heading: 'NAME' },
    ...['MESHED', 'SUCCESS', 'RPS', 'LATENCY_P50', 'LATENCY_P95', 'LATENCY_P99', 'TCP_CONN'].map((heading) => ({ heading, align: 'right' as const })),
    ...(faulty ? ['ABORTED', 'DELAYED'].map((heading) => ({ heading, align: 'right' as const })) : []),
    ...(options.wide ? ['READ_BYTES/SEC', 'WRITE_BYTES/SEC'].map((heading) => ({ heading, align: 'right' as const })) : []),
  ];
  return table(columns, items.map((item) => [
    ...(options.namespaces ? [item.metadata.namespace] : []),
    `${options.prefix}${item.workload.name}`,
    item.workload.kind === 'service' ? NONE : `${item.pods.meshed}/${item.pods.total}`,
    item.successRate === null ? NONE : `${(item.successRate * 100).toFixed(2)}%`,
    item.requestsPerSecond === null ? NONE : `${item.requestsPerSecond.toFixed(1)}rps`,
    ...[item.latencyMs.p50, item.latencyMs.p95, item.latencyMs.p99].map((ms) => (ms === null ? NONE : `${Math.round(ms)}ms`)),
    item.pods.meshed === 0 && item.tcp.openConnections === 0 ? NONE : String(item.tcp.openConnections),
    ...(faulty ? [item.injected.abortsPerSecond, item.injected.delaysPerSecond].map((rate) => (rate === 0 ? NONE : `${rate.toFixed(1)}rps`)) : []),
    ...(options.wide ? [item.tcp.readBytesPerSecond, item.tcp.writeBytesPerSecond].map(bytesPerSecond) : []),
  ]));
}

function bytesPerSecond(rate: number): string {
  return `${rate.toFixed(1)}B/s`;
}

/** The keys that Linkerd's CLI prints, so that scripts carry over. */
export function metricsRow(item: TrafficMetrics): Record<string, unknown> {
  return {
    namespace: item.metadata.namespace,
    kind: item.workload.kind,
    name: item.workload.name,
    meshed: item.workload.kind === 'service' ? null : `${item.pods.meshed}/${item.pods.total}`,
    success: item.successRate,
    rps: item.requestsPerSecond,
    latency_ms_p50: item.latencyMs.p50,
    latency_ms_p95: item.latencyMs.p95,
    latency_ms_p99: item.latencyMs.p99,
    injected_aborts_rps: item.injected.abortsPerSecond,
    injected_delays_rps: item.injected.delaysPerSecond,
    tcp_open_connections: item.tcp.openConnections,
    tcp_read_bytes_rate: item.tcp.readBytesPerSecond,
    tcp_write_bytes_rate: item.tcp.writeBytesPerSecond,
    window_seconds: item.windowSeconds,
  };
}

/** What to try when a table is empty or shows no traffic; undefined when it has some. */
export function hint(items: readonly TrafficMetrics[], options: StatOptions, namespace: string | undefined): string | undefined {
  const where = namespace === undefined ? 'in any namespace' : `in namespace ${namespace}`;
  if (items.length === 0) {
    const more = namespace === undefined ? '' : ' Look elsewhere with -n NAMESPACE or -A.';
    return `There are no ${options.workloads.map((w) => w.plural).join(', ')} ${where}.${more}`;
  }
  if (items.some(({ successRate, tcp, injected }) => successRate !== null || tcp.openConnections > 0 || injected.abortsPerSecond > 0)) return undefined;
  if (items.every((item) => item.pods.meshed === 0 && item.workload.kind !== 'service')) {
    return `No traffic found: none of these is meshed. Mesh one with: kubectl annotate deploy NAME${namespace === undefined ? ' -n NAMESPACE' : ` -n ${namespace}`} kubectl-mesh.io/inject=enabled`;
  }
  return `No traffic found in the last ${options.windowMs / 1000} s. A longer window (-t 5m) may show some.`;
}
