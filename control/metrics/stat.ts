import { METRICS_GROUP, METRICS_VERSION, type TrafficMetrics, type WorkloadKind } from '../../api/metrics-api.ts';
import type { Observed } from './aggregator.ts';
import { type PodFacts, memberOf } from './facts.ts';
import { FIELD, FIELDS } from './history.ts';
import { quantile } from './latency.ts';
import type { Row } from './pod-traffic.ts';
import type { LabelMatcher } from './selector.ts';

export interface StatQuery {
  kind: WorkloadKind;
  /** undefined: all namespaces */
  namespace?: string | undefined;
  name?: string | undefined;
  windowMs: number;
  /** of pods */
  selector?: LabelMatcher | undefined;
}

export interface StatInput {
  pods: Iterable<PodFacts>;
  observed: Iterable<Observed>;
  /** clock milliseconds */
  now: number;
}

interface Group {
  namespace: string;
  name: string;
  total: number;
  meshed: number;
  labels: Record<string, string> | undefined;
  sum: Float64Array;
  coveredMs: number;
  openConnections: number;
}

/** Scrapes are seconds apart: the window of a pod ends with its last one, if that is not older than this. */
const FRESH_MS = 15_000;

function groupOf(groups: Map<string, Group>, namespace: string, name: string): Group {
  const key = `${namespace}/${name}`;
  const group = groups.get(key) ?? { namespace, name, total: 0, meshed: 0, labels: undefined, sum: new Float64Array(FIELDS), coveredMs: 0, openConnections: 0 };
  groups.set(key, group);
  return group;
}

/** Labels that all pods of a group share, but those that Kubernetes and the mesh put on each. */
function shared(known: Record<string, string> | undefined, labels: Record<string, string>): Record<string, string> {
  const entries = Object.entries(labels).filter(([key, value]) => (known === undefined ? !/(^|\.)(kubernetes\.io|kubectl-mesh\.io)\/|^pod-template-hash$/.test(key) : known[key] === value));
  return Object.fromEntries(known === undefined ? entries : entries.filter(([key]) => Object.hasOwn(known, key)));
}

function addRow(group: Group, row: Row, { traffic, facts }: Observed, now: number, windowMs: number): void {
  const { firstAt, lastAt } = traffic;
  if (firstAt === undefined || lastAt === undefined) return;
  const end = facts.live && now - lastAt <= FRESH_MS ? lastAt : now;
  row.history.sumInto(group.sum, end - windowMs, end);
  group.coveredMs = Math.max(group.coveredMs, Math.min(windowMs, end - firstAt));
  if (facts.live) group.openConnections += row.openConnections;
}

/** Figures of all workloads of one kind, those without traffic or proxies included; by namespace and name. */
export function stat({ kind, namespace, name, windowMs, selector }: StatQuery, { pods, observed, now }: StatInput): TrafficMetrics[] {
  const groups = new Map<string, Group>();
  const wanted = (ns: string, group: string | undefined): group is string => group !== undefined
    && (namespace === undefined || ns === namespace) && (name === undefined || group === name);

  if (kind === 'service') {
    for (const one of observed) {
      for (const [key, row] of one.traffic.called) {
        const [ns = '', service = ''] = key.split('/');
        if (wanted(ns, service)) addRow(groupOf(groups, ns, service), row, one, now, windowMs);
      }
    }
  } else {
    for (const pod of pods) {
      const member = memberOf(pod, kind);
      if (!pod.live || !wanted(pod.namespace, member) || selector?.(pod.labels) === false) continue;
      const group = groupOf(groups, pod.namespace, member);
      group.total++;
      if (pod.meshed) group.meshed++;
      group.labels = shared(group.labels, pod.labels);
    }
    for (const one of observed) {
      const member = memberOf(one.facts, kind);
      if (!wanted(one.facts.namespace, member) || selector?.(one.facts.labels) === false) continue;
      if (!one.facts.live && one.traffic.served.history.empty) continue;
      addRow(groupOf(groups, one.facts.namespace, member), one.traffic.served, one, now, windowMs);
    }
  }
  const all = Array.from(groups.values()).filter((g) => g.total > 0 || g.sum.some((v) => v > 0));
  return all.sort((a, b) => compare(a.namespace, b.namespace) || compare(a.name, b.name)).map((g) => render(kind, g));
}

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

function render(kind: WorkloadKind, { namespace, name, total, meshed, labels, sum, coveredMs, openConnections }: Group): TrafficMetrics {
  const seconds = coveredMs / 1000;
  const responses = sum[FIELD.success]! + sum[FIELD.failure]!;
  const known = seconds > 0 && responses > 0;
  const rate = (amount: number): number => (seconds > 0 ? amount / seconds : 0);
  const latency = (q: number): number | null => (known ? quantile(q, sum, FIELD.latency) : null);
  return {
    kind: 'TrafficMetrics',
    apiVersion: `${METRICS_GROUP}/${METRICS_VERSION}`,
    metadata: { name, namespace, ...(labels && Object.keys(labels).length > 0 && { labels }) },
    workload: { kind, name },
    pods: { total, meshed },
    windowSeconds: Math.round(seconds * 10) / 10,
    successRate: known ? sum[FIELD.success]! / responses : null,
    requestsPerSecond: known ? rate(responses) : null,
    latencyMs: { p50: latency(0.5), p95: latency(0.95), p99: latency(0.99) },
    injected: { abortsPerSecond: rate(sum[FIELD.aborted]!), delaysPerSecond: rate(sum[FIELD.delayed]!) },
    tcp: { openConnections, readBytesPerSecond: rate(sum[FIELD.readBytes]!), writeBytesPerSecond: rate(sum[FIELD.writeBytes]!) },
  };
}
