import { parseLabels } from '../../lib/promtext/labels.ts';
import { scan } from '../../lib/promtext/scan.ts';
import { FIELD, History } from './history.ts';
import { bucketIndex } from './latency.ts';

/** Figures of one pod in one role: as server, or as client of one service. */
export interface Row { history: History; openConnections: number }

/** A peer that the pod talks with, told apart by what its labels say. */
export interface Peer {
  labels: Record<string, string>;
  openConnections: number;
  /** when a connection was open or a counter grew, last; clock milliseconds */
  activeAt: number;
}

/** Where a series of the exposition goes. */
interface Tracked {
  last: number;
  /** of the last scrape that had it */
  seen: number;
  gauge: boolean;
  row: Row | undefined;
  field: number;
  peer: Peer | undefined;
}

/** Counted by the client's proxy for the Service that the client asked for, whether a request gets to an endpoint or not. */
const FAULTS = 'outbound_http_faults_injected_total';
const NAMES = new Set(['response_total', 'response_latency_ms_bucket', 'tcp_open_connections', 'tcp_open_total', 'tcp_read_bytes_total', 'tcp_write_bytes_total', FAULTS]);
const wanted = (name: string): boolean => NAMES.has(name);
/** Of a destination, what it is; of the connection to it, how it is secured. */
const PEER_LABELS = /^(dst_(namespace|service|pod|deployment|statefulset|daemonset|job|cronjob|replicaset|serviceaccount)|tls|server_id|no_tls_reason)$/;

/** A string of its own: a slice would keep the whole scrape in memory that it was cut from. */
const detached = (text: string): string => Buffer.from(text).toString();

/**
 * What the scrapes of one pod's proxy say: requests, latencies and bytes that it served, the same by service that it called, and its peers.
 * Growth is taken series by series, so that a proxy's restart (counters start at 0) and series that come or go are counted right.
 */
export class PodTraffic {
  readonly served: Row = { history: new History(), openConnections: 0 };
  /** by namespace/name of the service that it called */
  readonly called = new Map<string, Row>();
  /** destinations of its outbound connections and requests */
  readonly destinations = new Map<string, Peer>();
  /** by mesh identity of who called it */
  readonly clients = new Map<string, Peer>();
  /** since when growth is known, and the last good scrape; undefined before the first */
  firstAt: number | undefined;
  lastAt: number | undefined;

  readonly #adminPort: string;
  #series = new Map<string, Tracked>();
  #scrape = 0;

  constructor(adminPort: number) {
    this.#adminPort = String(adminPort);
  }

  /**
   * Takes a scrape in. `bornAt` is when the counters were 0, where that is known to be recent: then even the first scrape tells growth.
   * Throws PromTextError; what the scrape says up to there is taken.
   */
  ingest(text: string, at: number, bornAt?: number): void {
    const from = this.lastAt ?? bornAt;
    this.firstAt ??= from ?? at;
    this.#scrape++;
    for (const row of [this.served, ...this.called.values()]) row.openConnections = 0;
    for (const peer of [...this.destinations.values(), ...this.clients.values()]) peer.openConnections = 0;

    scan(text, wanted, (line) => {
      let tracked = this.#series.get(line.series);
      if (tracked === undefined) {
        tracked = this.#track(line.name, parseLabels(line.labels, line.number));
        this.#series.set(detached(line.series), tracked);
      }
      tracked.seen = this.#scrape;
      if (Number.isNaN(line.value)) return;
      if (tracked.gauge) this.#set(tracked, line.value, at);
      else this.#grow(tracked, line.value, from, at);
    });

    for (const [series, tracked] of this.#series) if (tracked.seen !== this.#scrape) this.#series.delete(series);
    this.lastAt = at;
  }

  #set(tracked: Tracked, value: number, at: number): void {
    if (tracked.row !== undefined) tracked.row.openConnections += value;
    if (tracked.peer === undefined) return;
    tracked.peer.openConnections += value;
    if (value > 0) tracked.peer.activeAt = at;
  }

  #grow(tracked: Tracked, value: number, from: number | undefined, at: number): void {
    const growth = value >= tracked.last ? value - tracked.last : value;
    tracked.last = value;
    if (growth <= 0 || from === undefined || from >= at) return;
    if (tracked.field >= 0) tracked.row?.history.add(from, at, tracked.field, growth);
    if (tracked.peer !== undefined) tracked.peer.activeAt = at;
  }

  /** Where a series goes; nowhere, for one that says nothing we keep. */
  #track(name: string, labels: Record<string, string>): Tracked {
    const nowhere: Tracked = { last: 0, seen: 0, gauge: false, row: undefined, peer: undefined, field: -1 };
    if (name === FAULTS) return { ...nowhere, row: this.#faultyRow(labels), field: labels['fault'] === 'abort' ? FIELD.aborted : FIELD.delayed };
    const inbound = labels['direction'] === 'inbound';
    if (!inbound && labels['direction'] !== 'outbound') return nowhere;
    if (inbound && labels['target_port'] === this.#adminPort) return nowhere;
    // The kubelet asks every few seconds: that is not traffic of the application.
    if (labels['route_name'] === 'probe') return nowhere;
    // A proxy has two sockets per connection: the one that faces the network is its client's inbound and its server's outbound.
    if (name.startsWith('tcp_') && (labels['peer'] ?? (inbound ? 'src' : 'dst')) !== (inbound ? 'src' : 'dst')) return nowhere;
    const row = inbound ? this.served : this.#calledRow(labels);
    const peer = inbound ? this.#client(labels) : this.#destination(labels);
    const tracked: Tracked = { ...nowhere, gauge: name === 'tcp_open_connections', row, peer };
    switch (name) {
      case 'response_total': return { ...tracked, field: labels['classification'] === 'failure' ? FIELD.failure : FIELD.success };
      case 'response_latency_ms_bucket': {
        const bucket = bucketIndex(labels['le']);
        return bucket === undefined ? nowhere : { ...tracked, field: FIELD.latency + bucket, peer: undefined };
      }
      case 'tcp_read_bytes_total': return { ...tracked, field: FIELD.readBytes };
      case 'tcp_write_bytes_total': return { ...tracked, field: FIELD.writeBytes };
      default: return tracked;
    }
  }

  #calledRow(labels: Record<string, string>): Row | undefined {
    const { dst_service: service, dst_namespace: namespace } = labels;
    return this.#rowOf(namespace, service);
  }

  #faultyRow({ parent_kind: kind, parent_namespace: namespace, parent_name: name }: Record<string, string>): Row | undefined {
    return kind === 'Service' ? this.#rowOf(namespace, name) : undefined;
  }

  #rowOf(namespace: string | undefined, service: string | undefined): Row | undefined {
    if (!service || !namespace) return undefined;
    const key = `${namespace}/${service}`;
    const row = this.called.get(key) ?? { history: new History(), openConnections: 0 };
    this.called.set(key, row);
    return row;
  }

  #destination(labels: Record<string, string>): Peer | undefined {
    if (!labels['dst_namespace']) return undefined;
    const kept = Object.fromEntries(Object.entries(labels).filter(([key]) => PEER_LABELS.test(key)).sort(([a], [b]) => (a < b ? -1 : 1)));
    return peerOf(this.destinations, JSON.stringify(kept), kept);
  }

  #client(labels: Record<string, string>): Peer | undefined {
    const id = labels['client_id'];
    return id ? peerOf(this.clients, id, { client_id: id }) : undefined;
  }

  /** Forgets what is older than `time`: growth, and peers that no series tells of any more. */
  prune(time: number): void {
    this.served.history.prune(time);
    const told = new Set(Array.from(this.#series.values(), (t) => t.peer));
    const rows = new Set(Array.from(this.#series.values(), (t) => t.row));
    for (const [key, row] of this.called) {
      row.history.prune(time);
      if (row.history.empty && !rows.has(row)) this.called.delete(key);
    }
    for (const peers of [this.destinations, this.clients]) {
      for (const [key, peer] of peers) if (peer.activeAt < time && !told.has(peer)) peers.delete(key);
    }
  }
}

function peerOf(peers: Map<string, Peer>, key: string, labels: Record<string, string>): Peer {
  const peer = peers.get(key) ?? { labels, openConnections: 0, activeAt: -Infinity };
  peers.set(key, peer);
  return peer;
}
