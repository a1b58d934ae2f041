import assert from 'node:assert/strict';
import type { TrafficMetrics } from '../../api/metrics-api.ts';
import { cli } from '../shared/cli.ts';
import { EXIT } from '../shared/exit.ts';
import { fail, fakeCluster, send, type FakeCluster } from '../testing/fake-cluster.ts';
import { matchesGolden } from '../testing/golden.ts';
import { testIo, type TestIo } from '../testing/io.ts';
import { metrics } from '../testing/traffic.ts';

const BASE = '/apis/metrics.kubectl-mesh.io/v1alpha1';
const WEB = metrics('bookshop', 'deployment', 'web', {
  pods: { total: 2, meshed: 2 }, successRate: 1, requestsPerSecond: 2.04, latencyMs: { p50: 1.4, p95: 12.6, p99: 123 },
  tcp: { openConnections: 3, readBytesPerSecond: 10.24, writeBytesPerSecond: 1234.5 },
});
const BOOKS = metrics('bookshop', 'deployment', 'books', { successRate: 0.98765, requestsPerSecond: 1000, latencyMs: { p50: 1, p95: 2, p99: 3 } });
const IDLE = metrics('bookshop', 'deployment', 'idle');
const BARE = metrics('other', 'deployment', 'bare', { pods: { total: 3, meshed: 0 } });

describe('kubectl mesh stat', () => {
  let cluster: FakeCluster;
  beforeEach(async () => {
    cluster = await fakeCluster();
  });
  afterEach(() => cluster.close());

  const serve = (path: string, ...items: TrafficMetrics[]): void => cluster.on(`GET ${BASE}${path}`, (_, response) => send(response, 200, { kind: 'TrafficMetricsList', items }));
  const type = async (...argv: string[]): Promise<TestIo & { code: number }> => {
    const io = testIo();
    const code = await cli(['stat', ...argv], io, cluster.deps);
    return Object.assign(io, { code });
  };

  it('shows a table, sorted by name', async () => {
    serve('/namespaces/bookshop/trafficmetrics', WEB, IDLE, BOOKS);
    const { code, out, err } = await type('deploy', '-n', 'bookshop');
    assert.equal(code, EXIT.ok);
    assert.equal(err(), '');
    matchesGolden(import.meta, 'table.txt', out());
    assert.match(cluster.requests.at(-1)!, /\?kind=deployment&window=60s$/);
  });

  it('shows what faults abort and delay, where there are any', async () => {
    serve('/namespaces/bookshop/trafficmetrics', metrics('bookshop', 'service', 'web', { injected: { abortsPerSecond: 1.5, delaysPerSecond: 0 } }), metrics('bookshop', 'service', 'books'));
    const { out, err } = await type('svc', '-n', 'bookshop');
    assert.equal(err(), '');
    matchesGolden(import.meta, 'faults.txt', out());
  });

  it('shows bytes with wide, namespaces with -A, and passes selector and window on', async () => {
    serve('/trafficmetrics', BARE, WEB);
    const { out } = await type('deploy', '-A', '-o', 'wide', '-l', 'app=web,tier!=db', '-t', '5m');
    matchesGolden(import.meta, 'wide-all.txt', out());
    assert.match(cluster.requests.at(-1)!, /window=300s&labelSelector=app%3Dweb%2Ctier%21%3Ddb$/);
  });

  it('shows a table a kind, and tells kinds apart', async () => {
    cluster.on(`GET ${BASE}/namespaces/default/trafficmetrics`, ({ url }, response) => send(response, 200, {
      items: url.searchParams.get('kind') === 'service' ? [metrics('default', 'service', 'web', { pods: { total: 0, meshed: 0 }, successRate: 1, requestsPerSecond: 1, tcp: { openConnections: 1, readBytesPerSecond: 0, writeBytesPerSecond: 0 } })] : [WEB],
    }));
    matchesGolden(import.meta, 'kinds.txt', (await type('deploy,svc')).out());
  });

  it('asks for all namespaces when the kind is namespace', async () => {
    serve('/trafficmetrics', metrics('bookshop', 'namespace', 'bookshop'));
    assert.match((await type('ns')).out(), /^NAME {7}MESHED/);
  });

  it('prints the keys of Linkerd as JSON and YAML', async () => {
    serve('/namespaces/default/trafficmetrics', WEB, IDLE);
    matchesGolden(import.meta, 'stat.json', (await type('deploy', '-o', 'json')).out());
    matchesGolden(import.meta, 'stat.yaml', (await type('deploy', '-o', 'yaml')).out());
  });

  it('says what to try when there is no traffic', async () => {
    serve('/namespaces/default/trafficmetrics');
    assert.match((await type('deploy')).err(), /^There are no deployments in namespace default\. Look elsewhere/);
    serve('/namespaces/default/trafficmetrics', IDLE);
    assert.match((await type('deploy')).err(), /^No traffic found in the last 60 s\./);
    serve('/namespaces/default/trafficmetrics', BARE);
    assert.match((await type('deploy')).err(), /kubectl annotate deploy NAME -n default kubectl-mesh\.io\/inject=enabled/);
    assert.equal((await type('deploy')).code, EXIT.ok);
  });

  it('fails for a named workload that is not there', async () => {
    serve('/namespaces/default/trafficmetrics');
    const { code, err } = await type('deploy/web', 'sts/db');
    assert.equal(code, EXIT.failed);
    assert.match(err(), /^error: Not found in namespace default: deployment\/web, statefulset\/db\./);
  });

  it('says when the mesh is not there or does not answer', async () => {
    assert.match((await type('deploy')).err(), /The mesh is not installed in this cluster/);
    cluster.on(`GET ${BASE}/namespaces/default/trafficmetrics`, (_, response) => fail(response, 503, 'ServiceUnavailable', 'service unavailable'));
    const { code, err } = await type('deploy');
    assert.equal(code, EXIT.failed);
    assert.match(err(), /The control plane does not answer.*kubectl mesh check/);
  });
});
