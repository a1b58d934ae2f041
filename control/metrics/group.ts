import {
  METRICS_GROUP, METRICS_VERSION, type TrafficEdgeList, type TrafficMetrics, type TrafficMetricsList, type WorkloadKind,
} from '../../api/metrics-api.ts';
import { formatDuration, parseDuration } from '../../lib/duration.ts';
import type { ApiGroup, ApiRequest } from '../aggregated/group.ts';
import { ApiError, badRequest } from '../aggregated/status.ts';
import { type Aggregator, RETENTION_MS } from './aggregator.ts';
import type { PodDirectory } from './directory.ts';
import { edges } from './edges.ts';
import { SCHEMAS } from './schemas.ts';
import { type LabelMatcher, SelectorError, parseSelector } from './selector.ts';
import { stat } from './stat.ts';
import { type Table, edgesTable, metricsTable } from './table.ts';

export interface MetricsGroupDeps {
  aggregator: Aggregator;
  directory: PodDirectory;
  trustDomain: string;
  controlNamespace: string;
}

const KINDS: WorkloadKind[] = ['deployment', 'statefulset', 'daemonset', 'job', 'cronjob', 'replicaset', 'pod', 'namespace', 'service'];
const DEFAULT_WINDOW = '30s';
const MIN_WINDOW_MS = 10_000;
const API_VERSION = `${METRICS_GROUP}/${METRICS_VERSION}` as const;

function kindOf(query: URLSearchParams): WorkloadKind {
  const text = query.get('kind') ?? 'deployment';
  const kind = KINDS.find((k) => k === text);
  if (kind === undefined) throw badRequest(`kind "${text}" is not known; there are ${KINDS.join(', ')}`);
  return kind;
}

function windowOf(query: URLSearchParams): number {
  const text = query.get('window') ?? DEFAULT_WINDOW;
  const ms = parseDuration(text);
  if (ms === undefined || ms < MIN_WINDOW_MS || ms > RETENTION_MS) {
    throw badRequest(`window "${text}" is not a duration from ${formatDuration(MIN_WINDOW_MS)} to ${formatDuration(RETENTION_MS)}`);
  }
  return ms;
}

function selectorOf(query: URLSearchParams): LabelMatcher | undefined {
  const text = query.get('labelSelector') ?? '';
  if (text === '') return undefined;
  try {
    return parseSelector(text);
  } catch (error) {
    if (error instanceof SelectorError) throw badRequest(error.message);
    throw error;
  }
}

/** metadata.name and metadata.namespace, as kubectl sends them for --field-selector. */
function fieldName(query: URLSearchParams): string | undefined {
  const text = query.get('fieldSelector') ?? '';
  if (text === '') return undefined;
  const name = /^metadata\.name==?([^=,]+)$/.exec(text)?.[1];
  if (name === undefined) throw badRequest(`fieldSelector "${text}" is not supported; there is metadata.name=NAME`);
  return name;
}

/** The API group metrics.kubectl-mesh.io: trafficmetrics and trafficedges. */
export function metricsGroup({ aggregator, directory, trustDomain, controlNamespace }: MetricsGroupDeps): ApiGroup {
  function ready(): void {
    const problem = directory.problem();
    if (problem !== null) throw new ApiError(503, 'ServiceUnavailable', `the figures are not there yet: ${problem}`);
  }

  function metrics({ query, namespace, name, table }: ApiRequest): TrafficMetrics | TrafficMetricsList | Table {
    const kind = kindOf(query);
    const items = stat(
      { kind, namespace, name: name ?? query.get('name') ?? fieldName(query), windowMs: windowOf(query), selector: selectorOf(query) },
      { pods: directory.pods(), observed: aggregator.observed(), now: aggregator.now() },
    );
    if (name !== undefined && items[0] === undefined) throw new ApiError(404, 'NotFound', `no ${kind} "${name}" has pods or traffic in namespace "${namespace}"`);
    if (table) return metricsTable(items);
    if (name !== undefined) return items[0]!;
    return { kind: 'TrafficMetricsList', apiVersion: API_VERSION, metadata: {}, items };
  }

  function trafficEdges({ query, namespace, name, table }: ApiRequest): TrafficEdgeList | Table {
    if (name !== undefined) throw new ApiError(405, 'MethodNotAllowed', 'edges are listed, not read one by one');
    const items = edges(
      { kind: kindOf(query), namespace, windowMs: windowOf(query) },
      { pods: directory.pods(), observed: aggregator.observed(), now: aggregator.now(), trustDomain, controlNamespace },
    );
    return table ? edgesTable(items) : { kind: 'TrafficEdgeList', apiVersion: API_VERSION, metadata: {}, items };
  }

  return {
    group: METRICS_GROUP,
    version: METRICS_VERSION,
    schemas: SCHEMAS,
    resources: [
      { name: 'trafficmetrics', singularName: 'trafficmetrics', kind: 'TrafficMetrics', namespaced: true, verbs: ['get', 'list'], shortNames: ['tm'] },
      { name: 'trafficedges', singularName: 'trafficedge', kind: 'TrafficEdge', namespaced: true, verbs: ['list'], shortNames: ['te'] },
    ],
    handle(request) {
      ready();
      return Promise.resolve(request.resource === 'trafficmetrics' ? metrics(request) : trafficEdges(request));
    },
  };
}
