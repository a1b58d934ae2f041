/** OpenAPI v3 of the kinds in api/metrics-api.ts, for kubectl explain. */
type Schema = Record<string, unknown>;

const text = (description: string): Schema => ({ type: 'string', description });
const number = (description: string, nullable = false): Schema => ({ type: 'number', description, ...(nullable && { nullable: true }) });
const object = (description: string, properties: Record<string, Schema>): Schema => ({ type: 'object', description, properties });

const common = {
  apiVersion: text('metrics.kubectl-mesh.io/v1alpha1'),
  kind: text('The kind of this object.'),
  metadata: object('Name and namespace.', { name: text('Name of the object.'), namespace: text('Namespace of the object.') }),
};
const end = (description: string): Schema => object(description, { kind: text('Kind of the workload, singular and lower case.'), name: text('Name of the workload.'), namespace: text('Namespace of the workload.') });
const list = (description: string): Schema => object(description, { ...common, items: { type: 'array', items: { type: 'object' }, description: 'The objects.' } });

export const SCHEMAS: Record<string, Schema> = {
  TrafficMetrics: object('What a workload served in the last seconds, as its proxies saw it. Read-only.', {
    ...common,
    workload: object('The workload that the figures are of.', { kind: text('Kind, singular and lower case.'), name: text('Name.') }),
    pods: object('Pods of the workload.', { total: number('How many there are.'), meshed: number('How many have the proxy.') }),
    windowSeconds: number('Seconds that the figures cover.'),
    successRate: number('Share of the requests that succeeded, 0 to 1; null without traffic.', true),
    requestsPerSecond: number('Requests per second; null without traffic.', true),
    latencyMs: object('Milliseconds from a request to the head of its response.', {
      p50: number('Median.', true), p95: number('95th percentile.', true), p99: number('99th percentile.', true),
    }),
    injected: object('Faults injected on purpose into requests for a Service; 0 for other kinds.', {
      abortsPerSecond: number('Requests that were failed, per second.'),
      delaysPerSecond: number('Requests that were delayed, per second.'),
    }),
    tcp: object('Connections and bytes of any protocol.', {
      openConnections: number('Connections open now.'),
      readBytesPerSecond: number('Bytes read per second.'),
      writeBytesPerSecond: number('Bytes written per second.'),
    }),
  }),
  TrafficMetricsList: list('A list of TrafficMetrics.'),
  TrafficEdge: object('Two workloads that talk with each other. Read-only.', {
    ...common,
    src: end('Who calls.'),
    dst: end('Who is called.'),
    clientId: text('Mesh identity of the caller; empty when unknown.'),
    serverId: text('Mesh identity of the called; empty when unknown.'),
    secured: { type: 'boolean', description: 'Whether the connection is mutual TLS.' },
    reason: text('Why it is not secured.'),
  }),
  TrafficEdgeList: list('A list of TrafficEdge.'),
};
