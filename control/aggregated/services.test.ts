import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import { type RequestOptions, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { Registry } from '@prometheus-io/client';
import { Tap, TapEventSchema } from '../../api/gen/tap_pb.js';
import type { TapEvent, TrafficMetricsList } from '../../api/metrics-api.ts';
import { systemClock } from '../../lib/clock.ts';
import { RESOURCES } from '../../lib/kube/resources.ts';
import { type FakeApiServer, fakeApiServer } from '../../lib/kube/testing/fake-api-server.ts';
import { silentLog } from '../../lib/log.ts';
import type { ControlDeps, Service } from '../deps.ts';
import { start as startMetrics } from '../metrics/start.ts';
import { type GrpcServer, serveGrpc } from '../serve/grpc.ts';
import { testConfig, testEnv } from '../serve/testing/config.ts';
import { testMesh, until } from '../serve/testing/mesh.ts';
import { start as startTap } from '../tap/start.ts';

const API = 'api.shop.serviceaccount.identity.mesh-system.cluster.local';
const CONTROL = 'mesh-control.mesh-system.serviceaccount.identity.mesh-system.cluster.local';

describe('metrics and tap services on one port', () => {
  let api: FakeApiServer;
  let proxyAdmin: Server;
  let proxyTap: GrpcServer;
  let services: Service[];
  let port: number;
  let client: RequestOptions;
  const checks = new Map<string, () => string | null>();
  const stopping = new AbortController();

  before(async () => {
    const mesh = await testMesh();
    const frontProxy = await mesh.credentials('front-proxy-client');
    let scrapes = 0;
    proxyAdmin = createServer((_q, r) => r.end(`response_total{direction="inbound",classification="success"} ${++scrapes}\n`)).listen(0, '127.0.0.1');
    await once(proxyAdmin, 'listening');
    proxyTap = await serveGrpc({
      host: '127.0.0.1', port: 0, identity: await mesh.identity(API), log: silentLog(), clock: systemClock,
      routes: (router) => void router.service(Tap, {
        async* observe(_request, context) {
          yield create(TapEventSchema, { event: { case: 'http', value: { event: { case: 'requestInit', value: { id: { base: 1, stream: 2n }, path: '/x' } } } } });
          await once(context.signal, 'abort');
        },
      }),
    });
    api = await fakeApiServer(
      {
        apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'extension-apiserver-authentication', namespace: 'kube-system' },
        data: { 'requestheader-client-ca-file': mesh.root.certificate, 'requestheader-username-headers': '["X-Remote-User"]' },
      } as never,
      {
        apiVersion: 'v1', kind: 'Pod',
        metadata: { name: 'api-1', namespace: 'shop', labels: { 'kubectl-mesh.io/control-plane-ns': 'mesh-system', 'kubectl-mesh.io/proxy-deployment': 'api' } },
        spec: {
          serviceAccountName: 'api',
          containers: [{
            name: 'mesh-proxy', env: [{ name: 'MESH_PROXY_TAP_LISTEN_ADDR', value: `0.0.0.0:${proxyTap.port}` }],
            ports: [{ name: 'mesh-admin', containerPort: (proxyAdmin.address() as AddressInfo).port }],
          }],
        },
        status: { phase: 'Running', podIP: '127.0.0.1', startTime: new Date(Date.now() - 2000).toISOString() },
      } as never,
    );
    const real = api.client('mesh-control');
    const kube: typeof real = {
      ...real,
      // The fake knows no reviews: everybody may everything here.
      json: (call) => (call.path.endsWith('/subjectaccessreviews') ? Promise.resolve({ status: { allowed: true } } as never) : real.json(call)),
    };
    const deps: ControlDeps = {
      config: testConfig, log: silentLog(), clock: systemClock, kube, identity: await mesh.identity(CONTROL), signal: stopping.signal,
      admin: { registry: new Registry(), addCheck: (name, check) => void checks.set(name, check), removeCheck: (name) => void checks.delete(name), reportIdentity: () => undefined },
    };
    const env = testEnv();
    const [metrics, tap] = await Promise.all([startMetrics(env, deps), startTap(env, deps)]);
    services = [metrics, tap];
    assert.equal(metrics.port, tap.port);
    ({ port } = tap);
    const ca = Buffer.from(api.get(RESOURCES.secrets, 'mesh-system/mesh-serving-tls')!.data!['ca.crt']!, 'base64');
    client = { ca, key: frontProxy.keyPem, cert: frontProxy.chain };
  });
  after(async () => {
    stopping.abort();
    await Promise.all(services.map((s) => s.stop()));
    assert.equal(checks.size, 0);
    await proxyTap.stop();
    proxyAdmin.close();
    await api.close();
  });

  function get(path: string, accept = 'application/json', until = (_text: string): boolean => false): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const out = request({ ...client, host: '127.0.0.1', port, path, servername: 'mesh-api.mesh-system.svc', agent: false, headers: { accept, 'x-remote-user': 'ann' } }, (res) => {
        let text = '';
        const done = (): void => resolve({ status: res.statusCode!, text });
        res.setEncoding('utf8').on('end', done).on('data', (d: string) => {
          text += d;
          if (!until(text)) return;
          done();
          out.destroy();
        });
      });
      out.on('error', reject).end();
    });
  }

  it('serve both groups, and are ready when pods are known', async () => {
    const { text } = await get('/apis');
    assert.deepEqual((JSON.parse(text) as { groups: { name: string }[] }).groups.map((g) => g.name).sort(), ['metrics.kubectl-mesh.io', 'tap.kubectl-mesh.io']);
    await until(() => Array.from(checks.values()).every((check) => check() === null));
  });

  it('print what was scraped, as objects and as a table', async () => {
    const path = '/apis/metrics.kubectl-mesh.io/v1alpha1/namespaces/shop/trafficmetrics';
    let list: TrafficMetricsList | undefined;
    await until(async () => {
      list = JSON.parse((await get(`${path}?window=1m`)).text) as TrafficMetricsList;
      return list.items[0]?.requestsPerSecond !== null;
    });
    assert.deepEqual([list!.items[0]?.metadata.name, list!.items[0]?.successRate, list!.items[0]?.pods], ['api', 1, { total: 1, meshed: 1 }]);
    const table = JSON.parse((await get(path, 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json')).text) as {
      columnDefinitions: { name: string; priority: number }[]; rows: { cells: string[]; object: { metadata: { namespace: string } } }[];
    };
    assert.deepEqual(table.columnDefinitions.filter((c) => c.priority === 0).map((c) => c.name), ['Name', 'Meshed', 'Success', 'RPS', 'Latency_P50', 'Latency_P95', 'Latency_P99']);
    assert.deepEqual(table.rows[0]!.cells.slice(0, 3), ['api', '1/1', '100.00%']);
    assert.equal(table.rows[0]!.object.metadata.namespace, 'shop');
  });

  it('refuse a query in words', async () => {
    const root = '/apis/metrics.kubectl-mesh.io/v1alpha1';
    const cases: [string, number, RegExp][] = [
      ['trafficmetrics?kind=planet', 400, /kind \\"planet\\" is not known; there are deployment/],
      ['trafficmetrics?window=1s', 400, /from 10s to 5m/],
      ['trafficmetrics?labelSelector=a%20b', 400, /label requirement/],
      ['trafficmetrics?fieldSelector=status.x%3Dy', 400, /metadata.name=NAME/],
      ['namespaces/shop/trafficmetrics/nobody', 404, /no deployment/],
      ['trafficedges?kind=planet', 400, /planet/],
    ];
    for (const [path, status, message] of cases) {
      const answer = await get(`${root}/${path}`);
      assert.equal(answer.status, status, path);
      assert.match(answer.text, message);
    }
    assert.equal((await get(`${root}/namespaces/shop/trafficedges`)).status, 200);
  });

  it('stream taps line by line until the caller goes, and end them when the process stops', async () => {
    const path = '/apis/tap.kubectl-mesh.io/v1alpha1/watch/namespaces/shop/deployments/api/tap';
    const { status, text } = await get(path, '*/*', (t) => t.endsWith('\n'));
    const event = JSON.parse(text) as TapEvent;
    assert.deepEqual([status, event.pod, event.id, event.requestInit?.path], [200, 'shop/api-1', '1.2', '/x']);
    assert.equal((await get(`${path}?maxRps=0`)).status, 400);
    assert.equal((await get(path.replace('deployments/api', 'deployments/web'))).status, 404);
    let first = false;
    const rest = get(path, '*/*', () => {
      first = true;
      return false;
    });
    await until(() => first);
    stopping.abort();
    assert.match((await rest).text, /^\{.*\}\n$/);
  });
});
