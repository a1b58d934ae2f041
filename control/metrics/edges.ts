import { type EdgeEnd, METRICS_GROUP, METRICS_VERSION, type TrafficEdge, type WorkloadKind } from '../../api/metrics-api.ts';
import { identityName, parseIdentity } from '../../api/names.ts';
import type { Observed } from './aggregator.ts';
import { type PodFacts, memberOf } from './facts.ts';
import type { Peer } from './pod-traffic.ts';

export interface EdgeQuery {
  kind: WorkloadKind;
  /** of either end; undefined: all */
  namespace?: string | undefined;
  windowMs: number;
}

export interface EdgeInput {
  pods: Iterable<PodFacts>;
  observed: Iterable<Observed>;
  /** clock milliseconds */
  now: number;
  trustDomain: string;
  controlNamespace: string;
}

interface Edge { src: EdgeEnd; dst: EdgeEnd; clientId: string; serverId: string; secured: boolean; reason: string }

/**
 * Who talks with whom, and whether over mutual TLS. Clients' proxies tell of their destinations; where only the server's proxy tells of a client
 * (by its identity), the edge starts at the workload that runs under that ServiceAccount, if it is the only one of its kind.
 */
export function edges({ kind, namespace, windowMs }: EdgeQuery, input: EdgeInput): TrafficEdge[] {
  const { now, trustDomain, controlNamespace } = input;
  const recent = (peer: Peer): boolean => peer.activeAt >= now - windowMs;
  const found = new Map<string, Edge>();
  const connected = new Set<string>();
  const ends = (end: EdgeEnd): string => `${end.namespace}/${end.name}`;
  const add = (edge: Edge): void => {
    connected.add(`${ends(edge.src)} ${ends(edge.dst)}`);
    found.set(JSON.stringify(edge), edge);
  };
  const observed = Array.from(input.observed);

  for (const { facts, traffic } of observed) {
    const name = kind === 'service' ? facts.owners.deployment ?? facts.name : memberOf(facts, kind);
    if (name === undefined) continue;
    const src: EdgeEnd = { kind: kind === 'service' ? 'deployment' : kind, name, namespace: facts.namespace };
    for (const peer of traffic.destinations.values()) {
      const dst = destination(kind, peer.labels);
      if (!recent(peer) || dst === undefined) continue;
      const secured = peer.labels['tls'] === 'true';
      add({
        src, dst, secured,
        clientId: secured ? identityName(facts.serviceAccount, facts.namespace, trustDomain, controlNamespace) : '',
        serverId: peer.labels['server_id'] ?? '',
        reason: secured ? '' : peer.labels['no_tls_reason'] ?? peer.labels['tls'] ?? 'unknown',
      });
    }
  }

  if (kind !== 'service') {
    const accounts = byAccount(input.pods, kind);
    for (const { facts, traffic } of observed) {
      const name = memberOf(facts, kind);
      if (name === undefined) continue;
      const dst: EdgeEnd = { kind, name, namespace: facts.namespace };
      for (const [clientId, peer] of traffic.clients) {
        const client = parseIdentity(clientId);
        const workloads = client === null ? undefined : accounts.get(`${client.namespace}/${client.serviceAccount}`);
        if (client === null || !recent(peer) || workloads?.size !== 1) continue;
        const src: EdgeEnd = { kind, name: Array.from(workloads)[0]!, namespace: client.namespace };
        if (connected.has(`${ends(src)} ${ends(dst)}`)) continue;
        add({ src, dst, clientId, serverId: identityName(facts.serviceAccount, facts.namespace, trustDomain, controlNamespace), secured: true, reason: '' });
      }
    }
  }

  return Array.from(found.values())
    .filter((e) => namespace === undefined || e.src.namespace === namespace || e.dst.namespace === namespace)
    .map((e): TrafficEdge => ({
      kind: 'TrafficEdge',
      apiVersion: `${METRICS_GROUP}/${METRICS_VERSION}`,
      metadata: { name: `${e.src.name}.${e.dst.name}`, namespace: e.src.namespace },
      ...e,
    }))
    .sort((a, b) => order(a) < order(b) ? -1 : 1);
}

const order = ({ src, dst, reason }: Edge): string => [src.namespace, src.name, dst.namespace, dst.name, reason].join('\0');

function destination(kind: WorkloadKind, labels: Record<string, string>): EdgeEnd | undefined {
  const namespace = labels['dst_namespace'];
  const name = kind === 'namespace' ? namespace : labels[`dst_${kind}`];
  return namespace && name ? { kind, name, namespace } : undefined;
}

/** Workloads of a kind by the ServiceAccount that their pods run under. */
function byAccount(pods: Iterable<PodFacts>, kind: WorkloadKind): Map<string, Set<string>> {
  const accounts = new Map<string, Set<string>>();
  for (const pod of pods) {
    const name = memberOf(pod, kind);
    if (name === undefined || !pod.live) continue;
    const key = `${pod.namespace}/${pod.serviceAccount}`;
    accounts.set(key, (accounts.get(key) ?? new Set()).add(name));
  }
  return accounts;
}
