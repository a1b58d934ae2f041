import type { TrafficEdge, TrafficMetrics } from '../../api/metrics-api.ts';

/** meta/v1 Table, as kubectl prints it. */
interface Column { name: string; type: 'string' | 'integer'; format: string; description: string; priority: number }
export interface Table { kind: 'Table'; apiVersion: 'meta.k8s.io/v1'; metadata: object; columnDefinitions: Column[]; rows: { cells: unknown[]; object: object }[] }

const column = (name: string, description: string, priority = 0, format = ''): Column => ({ name, type: 'string', format, description, priority });
const NONE = '-';

const percent = (share: number | null): string => (share === null ? NONE : `${(share * 100).toFixed(2)}%`);
const perSecond = (rate: number | null): string => (rate === null ? NONE : `${rate.toFixed(1)}rps`);
const milliseconds = (ms: number | null): string => (ms === null ? NONE : `${Math.ceil(ms)}ms`);

function bytesPerSecond(rate: number): string {
  const units = ['B/s', 'kB/s', 'MB/s', 'GB/s'];
  let i = 0;
  let value = rate;
  for (; value >= 1000 && i < units.length - 1; i++) value /= 1000;
  return `${value.toFixed(1)}${units[i]}`;
}

/** What kubectl needs to know of a row's object: it prints the namespace from here. */
const partial = (item: TrafficMetrics | TrafficEdge): object => ({ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: item.metadata });

function table<T extends TrafficMetrics | TrafficEdge>(columns: [Column, (item: T) => string][], items: T[]): Table {
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: {},
    columnDefinitions: columns.map(([definition]) => definition),
    rows: items.map((item) => ({ cells: columns.map(([, cell]) => cell(item)), object: partial(item) })),
  };
}

/** kubectl get trafficmetrics: NAME MESHED SUCCESS RPS LATENCY_P50 LATENCY_P95 LATENCY_P99, with -o wide TCP_CONN and bytes. */
export function metricsTable(items: TrafficMetrics[]): Table {
  return table<TrafficMetrics>([
    [column('Name', 'Name of the workload', 0, 'name'), (m) => m.metadata.name],
    [column('Meshed', 'Pods with the proxy, of all its pods'), (m) => (m.workload.kind === 'service' ? NONE : `${m.pods.meshed}/${m.pods.total}`)],
    [column('Success', 'Share of requests that succeeded'), (m) => percent(m.successRate)],
    [column('RPS', 'Requests per second'), (m) => perSecond(m.requestsPerSecond)],
    [column('Latency_P50', 'Half of the responses began within this time'), (m) => milliseconds(m.latencyMs.p50)],
    [column('Latency_P95', '95 % of the responses began within this time'), (m) => milliseconds(m.latencyMs.p95)],
    [column('Latency_P99', '99 % of the responses began within this time'), (m) => milliseconds(m.latencyMs.p99)],
    [column('Injected', 'Requests per second that faults fail or delay on purpose; of Services', 1), ({ injected: { abortsPerSecond, delaysPerSecond } }) => perSecond(abortsPerSecond + delaysPerSecond || null)],
    [column('TCP_Conn', 'Connections open now', 1), (m) => String(m.tcp.openConnections)],
    [column('Read', 'Bytes read per second', 1), (m) => bytesPerSecond(m.tcp.readBytesPerSecond)],
    [column('Write', 'Bytes written per second', 1), (m) => bytesPerSecond(m.tcp.writeBytesPerSecond)],
  ], items);
}

/** kubectl get trafficedges: SRC DST SRC_NS DST_NS SECURED, with -o wide the identities. */
export function edgesTable(items: TrafficEdge[]): Table {
  return table<TrafficEdge>([
    [column('Src', 'Who calls'), (e) => e.src.name],
    [column('Dst', 'Who is called'), (e) => e.dst.name],
    [column('Src_NS', 'Namespace of the caller'), (e) => e.src.namespace],
    [column('Dst_NS', 'Namespace of the called'), (e) => e.dst.namespace],
    [column('Secured', 'A tick for mutual TLS, or why not'), (e) => (e.secured ? '√' : e.reason)],
    [column('Client_ID', 'Mesh identity of the caller', 1), (e) => e.clientId || NONE],
    [column('Server_ID', 'Mesh identity of the called', 1), (e) => e.serverId || NONE],
  ], items);
}
