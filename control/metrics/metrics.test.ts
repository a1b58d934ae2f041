import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { edges } from './edges.ts';
import { type PodFacts, factsOf } from './facts.ts';
import { FIELD, FIELDS, History } from './history.ts';
import { BOUNDS, bucketIndex, quantile } from './latency.ts';
import { PodTraffic } from './pod-traffic.ts';
import { SelectorError, parseSelector } from './selector.ts';
import { stat } from './stat.ts';

const SECOND = 1000;

function pod(name: string, owner: { kind: string; name: string } | null, more: { ns?: string; sa?: string; labels?: Record<string, string>; meshed?: boolean } = {}): PodFacts {
  const { ns = 'shop', sa = name, labels = {}, meshed = true } = more;
  return factsOf({
    metadata: {
      name, namespace: ns,
      labels: { ...labels, ...(meshed && { 'kubectl-mesh.io/control-plane-ns': 'mesh-system' }), ...(owner?.kind === 'ReplicaSet' && { 'pod-template-hash': 'abc' }) },
      ...(owner && { ownerReferences: [{ apiVersion: 'apps/v1', uid: 'u', controller: true, ...owner }] }),
    },
    spec: { containers: [], serviceAccountName: sa },
    status: { phase: 'Running', podIP: '10.0.0.1' },
  }, 'mesh-system');
}

const replica = (deployment: string): { kind: string; name: string } => ({ kind: 'ReplicaSet', name: `${deployment}-abc` });

/** Lines of an exposition from label objects. */
function expose(...series: [name: string, labels: Record<string, string>, value: number][]): string {
  return series.map(([name, labels, value]) => `${name}{${Object.entries(labels).map(([k, v]) => `${k}="${v}"`).join(',')}} ${value}\n`).join('');
}

const inbound = { direction: 'inbound', peer: 'src', tls: 'true', client_id: 'web.shop.serviceaccount.identity.mesh-system.cluster.local', target_port: '8080' };
const outbound = { direction: 'outbound', peer: 'dst', tls: 'true', server_id: 'api-id', dst_namespace: 'shop', dst_deployment: 'api', dst_pod: 'api-1', dst_service: 'api' };

/** Cumulative buckets of observations. */
function buckets(labels: Record<string, string>, observed: number[]): [string, Record<string, string>, number][] {
  return BOUNDS.map((le) => ['response_latency_ms_bucket', { ...labels, le: le === Infinity ? '+Inf' : String(le) }, observed.filter((v) => v <= le).length]);
}

function sumOf(history: History, from: number, to: number): Float64Array {
  const sum = new Float64Array(FIELDS);
  history.sumInto(sum, from, to);
  return sum;
}

describe('latency quantiles', () => {
  it('lie in the bucket of the observation of that rank, and rise with q', () => {
    const q = fc.double({ min: 0.01, max: 1, noNaN: true });
    fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 49_999 }), { minLength: 1, maxLength: 50 }), q, q, (observed, a, b) => {
      const counts = BOUNDS.map((le) => observed.filter((v) => v <= le).length);
      const sorted = observed.toSorted((x, y) => x - y);
      const exact = sorted[Math.max(0, Math.ceil(a * observed.length) - 1)]!;
      const found = quantile(a, counts, 0)!;
      const bucket = BOUNDS.findIndex((le) => exact <= le);
      assert.ok(found >= (bucket === 0 ? 0 : BOUNDS[bucket - 1]!) && found <= BOUNDS[bucket]!, `${found} for ${exact}`);
      assert.ok(quantile(Math.min(a, b), counts, 0)! <= quantile(Math.max(a, b), counts, 0)!);
    }));
  });

  it('interpolate as Prometheus does, and say nothing about nothing', () => {
    const counts = BOUNDS.map((le) => (le >= 10 ? 100 : 0));
    assert.equal(quantile(0.5, counts, 0), 7.5);
    assert.equal(quantile(0.99, BOUNDS.map((le) => (le === Infinity ? 5 : 0)), 0), 50_000);
    assert.equal(quantile(0.5, BOUNDS.map(() => 0), 0), null);
    assert.equal(bucketIndex('7'), undefined);
    assert.equal(bucketIndex('+Inf'), BOUNDS.length - 1);
  });
});

describe('scrapes of a pod', () => {
  it('growth is right for any course of counters, restarts and gaps included', () => {
    const step = fc.record({ grow: fc.nat(50), restart: fc.boolean(), absent: fc.boolean() });
    fc.assert(fc.property(fc.array(step, { minLength: 1, maxLength: 20 }), (steps) => {
      const traffic = new PodTraffic(4191);
      let value = 1000;
      let there = true;
      let expected = 0;
      traffic.ingest(expose(['response_total', { ...inbound, classification: 'success' }, value]), 0);
      steps.forEach(({ grow, restart, absent }, i) => {
        if (restart || !there) value = 0;
        value += grow;
        there = !absent;
        // A restart that ends above the value before cannot be told from growth: Prometheus counts it the same way.
        traffic.ingest(absent ? '' : expose(['response_total', { ...inbound, classification: 'success' }, value]), (i + 1) * 5 * SECOND);
        if (!absent) expected += grow;
      });
      const counted = sumOf(traffic.served.history, 0, 1e9)[FIELD.success]!;
      const lost = steps.some((s) => s.restart || s.absent);
      if (!lost) assert.equal(Math.round(counted), expected);
      else assert.ok(counted <= expected + 1e-6, `${counted} of ${expected}`);
    }));
  });

  it('a restart starts counting at nothing', () => {
    const traffic = new PodTraffic(4191);
    const at = (value: number, seconds: number): void => traffic.ingest(expose(['response_total', { ...inbound, classification: 'failure' }, value]), seconds * SECOND);
    at(100, 0);
    at(110, 5);
    at(4, 10);
    assert.equal(sumOf(traffic.served.history, 0, 10 * SECOND)[FIELD.failure], 14);
  });

  it('the first scrape tells growth only for a pod that was just born', () => {
    const text = expose(['response_total', { ...inbound, classification: 'success' }, 30]);
    const old = new PodTraffic(4191);
    old.ingest(text, 10 * SECOND);
    assert.ok(old.served.history.empty);
    const young = new PodTraffic(4191);
    young.ingest(text, 10 * SECOND, 7 * SECOND);
    assert.equal(sumOf(young.served.history, 0, 10 * SECOND)[FIELD.success], 30);
    assert.equal(young.firstAt, 7 * SECOND);
  });

  it('a window that begins within a step counts that part of it', () => {
    const history = new History();
    history.add(0, 10, FIELD.success, 100);
    assert.equal(sumOf(history, 5, 20)[FIELD.success], 50);
    history.prune(11);
    assert.ok(history.empty);
  });

  it('leaves out what the proxy does for itself: its admin port, and the sockets towards the application', () => {
    const traffic = new PodTraffic(4191);
    const series = (n: number): string => expose(
      ['response_total', { ...inbound, target_port: '4191', classification: 'success' }, n],
      ['response_total', { ...inbound, route_kind: 'default', route_name: 'probe', classification: 'success' }, n],
      ['tcp_read_bytes_total', { ...inbound, peer: 'dst' }, n],
      ['tcp_open_connections', { direction: 'outbound', peer: 'src', tls: 'no_identity', no_tls_reason: 'loopback' }, 1],
      ['response_total', { direction: 'sideways', classification: 'success' }, n],
    );
    traffic.ingest(series(1), 0);
    traffic.ingest(series(9), 5 * SECOND);
    assert.ok(traffic.served.history.empty);
    assert.equal(traffic.destinations.size, 0);
  });

  it('forgets series and peers that are gone', () => {
    const traffic = new PodTraffic(4191);
    const there = expose(['tcp_open_connections', outbound, 2], ['response_total', { ...outbound, classification: 'success' }, 1]);
    traffic.ingest(there, 0);
    traffic.ingest(there, 5 * SECOND);
    traffic.prune(300 * SECOND);
    assert.equal(traffic.destinations.size, 1, 'its series are still told');
    traffic.ingest('', 600 * SECOND);
    traffic.prune(601 * SECOND);
    assert.equal(traffic.destinations.size, 0);
    assert.equal(traffic.called.size, 0);
  });
});

describe('stat', () => {
  const api = pod('api-1', replica('api'), { labels: { app: 'api', tier: 'back' } });
  const twin = pod('api-2', replica('api'), { labels: { app: 'api', tier: 'front' }, meshed: false });
  const traffic = new PodTraffic(4191);
  const scrape = (ok: number, bad: number, bytes: number, latencies: number[]): string => expose(
    ['response_total', { ...inbound, classification: 'success', status_code: '200' }, ok],
    ['response_total', { ...inbound, classification: 'failure', status_code: '500' }, bad],
    ['tcp_open_connections', inbound, 3], ['tcp_read_bytes_total', inbound, bytes], ['tcp_write_bytes_total', inbound, bytes * 2],
    ...buckets(inbound, latencies),
  );
  traffic.ingest(scrape(0, 0, 0, []), 100 * SECOND);
  traffic.ingest(scrape(45, 5, 1000, Array.from({ length: 50 }, (_, i) => i)), 105 * SECOND);
  traffic.ingest(scrape(90, 10, 2000, Array.from({ length: 100 }, (_, i) => i % 50)), 110 * SECOND);
  const input = { pods: [api, twin], observed: [{ facts: api, traffic }], now: 112 * SECOND };

  it('adds up a workload over the time that is covered', () => {
    const [one, ...more] = stat({ kind: 'deployment', windowMs: 30 * SECOND }, input);
    assert.deepEqual(more, []);
    assert.deepEqual(one, {
      kind: 'TrafficMetrics',
      apiVersion: 'metrics.kubectl-mesh.io/v1alpha1',
      metadata: { name: 'api', namespace: 'shop', labels: { app: 'api' } },
      workload: { kind: 'deployment', name: 'api' },
      pods: { total: 2, meshed: 1 },
      windowSeconds: 10,
      successRate: 0.9,
      requestsPerSecond: 10,
      latencyMs: { p50: 20 + (10 * (50 - 42)) / 20, p95: 40 + (10 * (95 - 82)) / 18, p99: 40 + (10 * (99 - 82)) / 18 },
      injected: { abortsPerSecond: 0, delaysPerSecond: 0 },
      tcp: { openConnections: 3, readBytesPerSecond: 200, writeBytesPerSecond: 400 },
    });
  });

  it('groups by pod, namespace and others, filters by name, namespace and labels', () => {
    const names = (kind: Parameters<typeof stat>[0]['kind'], more: object = {}): string[] => stat({ kind, windowMs: 30 * SECOND, ...more }, input).map((m) => m.metadata.name);
    assert.deepEqual(names('pod'), ['api-1', 'api-2']);
    assert.deepEqual(names('namespace'), ['shop']);
    assert.deepEqual(names('replicaset'), ['api-abc']);
    assert.deepEqual(names('statefulset'), []);
    assert.deepEqual(names('pod', { selector: parseSelector('tier=front') }), ['api-2']);
    assert.deepEqual(names('deployment', { name: 'web' }), []);
    assert.deepEqual(names('deployment', { namespace: 'other' }), []);
  });

  it('goes on counting what a pod served that is gone', () => {
    const gone = { ...api, live: false };
    const [one] = stat({ kind: 'deployment', windowMs: 30 * SECOND }, { pods: [], observed: [{ facts: gone, traffic }], now: 112 * SECOND });
    assert.deepEqual(one?.pods, { total: 0, meshed: 0 });
    assert.equal(one?.tcp.openConnections, 0);
    assert.ok(one.requestsPerSecond! > 8);
    assert.deepEqual(stat({ kind: 'deployment', windowMs: 30 * SECOND }, { pods: [], observed: [{ facts: gone, traffic }], now: 500 * SECOND }), []);
  });

  it('knows services by what their clients saw', () => {
    const client = new PodTraffic(4191);
    client.ingest(expose(['response_total', { ...outbound, classification: 'success' }, 0]), 0);
    client.ingest(expose(['response_total', { ...outbound, classification: 'success' }, 50]), 10 * SECOND);
    const [service] = stat({ kind: 'service', windowMs: 10 * SECOND }, { pods: [], observed: [{ facts: pod('web-1', replica('web')), traffic: client }], now: 10 * SECOND });
    assert.equal(service?.metadata.name, 'api');
    assert.equal(service.requestsPerSecond, 5);
    assert.deepEqual(service.injected, { abortsPerSecond: 0, delaysPerSecond: 0 });
  });

  it('tells faults from the failures of servers, for the service that was asked for', () => {
    const client = new PodTraffic(4191);
    const parent = { parent_group: 'core', parent_kind: 'Service', parent_namespace: 'shop', parent_name: 'api', route_kind: 'HTTPRoute', route_name: 'r' };
    const faults = (aborts: number, delays: number) => expose(
      ['outbound_http_faults_injected_total', { ...parent, fault: 'abort' }, aborts], ['outbound_http_faults_injected_total', { ...parent, fault: 'delay' }, delays],
      ['outbound_http_faults_injected_total', { parent_kind: 'default', parent_namespace: '', parent_name: '', fault: 'abort' }, aborts],
    );
    client.ingest(faults(0, 0), 0);
    client.ingest(faults(20, 30), 10 * SECOND);
    const all = stat({ kind: 'service', windowMs: 10 * SECOND }, { pods: [], observed: [{ facts: pod('web-1', replica('web')), traffic: client }], now: 10 * SECOND });
    assert.deepEqual(all.map(({ metadata, injected, successRate }) => [metadata.name, injected, successRate]), [['api', { abortsPerSecond: 2, delaysPerSecond: 3 }, null]]);
  });
});

describe('edges', () => {
  const web = pod('web-1', replica('web'), { sa: 'web' });
  const api = pod('api-1', replica('api'), { sa: 'api' });
  const context = { trustDomain: 'cluster.local', controlNamespace: 'mesh-system', now: 10 * SECOND, pods: [web, api] };
  const list = (observed: { facts: PodFacts; traffic: PodTraffic }[], query: object = {}, more: object = {}): string[] => edges({ kind: 'deployment', windowMs: 30 * SECOND, ...query }, { ...context, ...more, observed })
    .map((e) => `${e.src.namespace}/${e.src.name} -> ${e.dst.namespace}/${e.dst.name} ${e.secured ? `tls ${e.clientId.split('.')[0]} ${e.serverId}` : e.reason}`);
  const of = (facts: PodFacts, ...texts: string[]): { facts: PodFacts; traffic: PodTraffic } => {
    const traffic = new PodTraffic(4191);
    texts.forEach((t, i) => traffic.ingest(t, i * 5 * SECOND));
    return { facts, traffic };
  };

  it('come from what clients tell, with the identities of both ends, or why there are none', () => {
    const plain = { direction: 'outbound', peer: 'dst', tls: 'no_identity', no_tls_reason: 'not_provided_by_service_discovery', dst_namespace: 'shop', dst_deployment: 'db' };
    const client = of(web, expose(['tcp_open_connections', outbound, 1], ['tcp_open_connections', plain, 1]));
    assert.deepEqual(list([client]), ['shop/web -> shop/api tls web api-id', 'shop/web -> shop/db not_provided_by_service_discovery']);
    assert.deepEqual(list([client], { namespace: 'other' }), []);
    assert.deepEqual(list([client], { windowMs: 5 * SECOND }), []);
    assert.deepEqual(list([client], { kind: 'pod' }), ['shop/web-1 -> shop/api-1 tls web api-id']);
    assert.deepEqual(list([client], { kind: 'service' }), ['shop/web -> shop/api tls web api-id']);
  });

  it('are there for connections too short to be seen open', () => {
    const closed = (n: number): string => expose(['tcp_open_connections', outbound, 0], ['tcp_open_total', outbound, n]);
    assert.deepEqual(list([of(web, closed(1))]), []);
    assert.deepEqual(list([of(web, closed(1), closed(2))]), ['shop/web -> shop/api tls web api-id']);
  });

  it('come from the server where the client is known by identity only, once', () => {
    const server = of(api, expose(['tcp_open_connections', inbound, 1]));
    assert.deepEqual(list([server]), ['shop/web -> shop/api tls web api.shop.serviceaccount.identity.mesh-system.cluster.local']);
    const client = of(web, expose(['tcp_open_connections', outbound, 1]));
    assert.deepEqual(list([server, client]), ['shop/web -> shop/api tls web api-id']);
    const second = pod('batch-1', replica('batch'), { sa: 'web' });
    assert.deepEqual(list([server], {}, { pods: [web, api, second] }), [], 'two workloads under one ServiceAccount');
  });
});

describe('label selectors', () => {
  it('match as kubectl says', () => {
    const labels = { app: 'web', 'example.com/tier': 'front', empty: '' };
    const yes = ['', 'app', '!gone', 'app=web', 'app==web', 'app != api', 'gone!=x', 'app in (api, web)', 'app notin (api)', 'example.com/tier in (front),app=web', 'empty='];
    const no = ['gone', '!app', 'app=api', 'app!=web', 'app in (api,db)', 'app notin (web)', 'app=web,gone', 'toString'];
    for (const text of yes) assert.equal(parseSelector(text)(labels), true, text);
    for (const text of no) assert.equal(parseSelector(text)(labels), false, text);
    for (const bad of ['=', 'a b', 'a in web', 'a,,b', 'a=b=c', 'a in (b', '-a']) assert.throws(() => parseSelector(bad), SelectorError, bad);
  });

  it('never throw anything else', () => {
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom(...Array.from('ab =!,()in.-/')) }), (text) => {
      try {
        parseSelector(text)({ a: 'b' });
      } catch (error) {
        assert.ok(error instanceof SelectorError);
      }
    }));
  });
});
