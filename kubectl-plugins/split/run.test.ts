import assert from 'node:assert/strict';
import { ROUTE_CONTROLLER } from '../../api/names.ts';
import type { HttpRoute } from '../../lib/kube/gateway-api.ts';
import { cli } from '../shared/cli.ts';
import { EXIT } from '../shared/exit.ts';
import { fakeCluster, send, type FakeCluster } from '../testing/fake-cluster.ts';
import { matchesGolden } from '../testing/golden.ts';
import { testIo } from '../testing/io.ts';

const service = (name: string, ...ports: number[]) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'shop' }, spec: { ports: ports.map((port) => ({ name: `p${port}`, port })) } });
const ROUTE = 'httproutes/shop/web-split';

describe('kubectl mesh split', () => {
  let cluster: FakeCluster;
  beforeEach(async () => {
    cluster = await fakeCluster(service('web', 80), service('web-v1', 80), service('web-v2', 8080), service('many', 80, 443), service('pair', 81, 82));
    cluster.on('GET /apis', (_, response) => send(response, 200, { groups: [{ name: 'gateway.networking.k8s.io', versions: [{ version: 'v1' }] }] }));
    cluster.on('GET /apis/metrics.kubectl-mesh.io/v1alpha1/namespaces/shop/trafficmetrics', (_, response) => send(response, 200, {
      items: [['web-v1', 45], ['web-v2', 5]].map(([name, rps]) => ({ workload: { kind: 'service', name }, requestsPerSecond: rps, successRate: 0.999, latencyMs: { p50: 3, p95: 5, p99: 9 } })),
    }));
    judge('True', 'Accepted', '');
  });
  afterEach(() => cluster.close());

  /** What the mesh's controller says of every route. */
  function judge(status: string, reason: string, message: string): void {
    cluster.onApply = (object) => {
      const route = object as HttpRoute;
      route.metadata.generation = 1;
      route.status = { parents: [{ parentRef: route.spec.parentRefs![0]!, controllerName: ROUTE_CONTROLLER, conditions: [{ type: 'Accepted', status, reason, message, observedGeneration: 1 }] }] };
    };
  }

  const type = async (...argv: string[]): Promise<{ code: number; out: string; err: string }> => {
    const io = testIo();
    const code = await cli(['split', ...argv, '-n', 'shop'], io, cluster.deps);
    return { code, out: io.out(), err: io.err() };
  };

  it('shows what changes, applies the route, and shows the effect', async () => {
    const { code, out, err } = await type('svc/web', 'web-v1=90', 'web-v2=10', '--watch', '10s');
    assert.equal(code, EXIT.ok, err);
    matchesGolden(import.meta, 'set.txt', `${out}${err}`);
    assert.deepEqual((cluster.find(ROUTE) as HttpRoute).spec, {
      parentRefs: [{ group: '', kind: 'Service', name: 'web', port: 80 }],
      rules: [{ backendRefs: [{ name: 'web-v1', port: 80, weight: 90 }, { name: 'web-v2', port: 8080, weight: 10 }] }],
    });
  });

  it('changes a split and tells the difference', async () => {
    await type('web', 'web-v1=90', 'web-v2=10', '--watch', '0s');
    assert.match((await type('web', 'web-v2=1', 'pair=0', '--watch', '0s')).err, /pair has no port 80/);
    matchesGolden(import.meta, 'to-one.txt', (await type('web', 'web-v2=1', '--watch', '0s')).out);
  });

  it('shows a split as it is', async () => {
    await type('web', 'web-v1=90', 'web-v2=10', '--watch', '0s');
    matchesGolden(import.meta, 'show.txt', (await type('web')).out);
    const shown = JSON.parse((await type('web', '-o', 'json')).out) as HttpRoute;
    assert.equal(shown.metadata.name, 'web-split');
    assert.ok(!('managedFields' in shown.metadata));
  });

  it('ends a split', async () => {
    await type('web', 'web-v1=90', 'web-v2=10', '--watch', '0s');
    const { code, out } = await type('web', '--remove');
    assert.equal(code, EXIT.ok);
    matchesGolden(import.meta, 'remove.txt', out);
    assert.equal(cluster.find(ROUTE), undefined);
    assert.match((await type('web', '--remove')).err, /^error: Service web in namespace shop has no split\. Make one with: /);
  });

  it('prints the route without touching the cluster', async () => {
    matchesGolden(import.meta, 'route.yaml', (await type('web', 'web-v1=90', 'web-v2=10', '-o', 'yaml')).out);
    assert.equal(cluster.find(ROUTE), undefined);
  });

  it('says so when the mesh does not take the route', async () => {
    judge('False', 'UnsupportedValue', 'weights add up to nothing');
    const { code, err } = await type('web', 'web-v1=1');
    assert.equal(code, EXIT.failed);
    assert.match(err, /HTTPRoute shop\/web-split is stored, but the mesh does not take it: Accepted: weights add up to nothing/);
  });

  it('says so when nobody judges the route', async () => {
    cluster.onApply = () => undefined;
    assert.match((await type('web', 'web-v1=1')).err, /has not said within 20 s whether it takes it\..*kubectl mesh check/);
  });

  it('leaves a route alone that it did not make', async () => {
    cluster.put({ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', metadata: { name: 'web-split', namespace: 'shop' }, spec: {} } as HttpRoute);
    assert.match((await type('web', 'web-v1=1')).err, /was not made by this command, so it is left alone/);
  });

  it('mentions other routes of the Service', async () => {
    cluster.put({ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', metadata: { name: 'admin', namespace: 'shop' }, spec: { parentRefs: [{ group: '', kind: 'Service', name: 'web' }] } } as HttpRoute);
    assert.match((await type('web', 'web-v1=1', '--watch', '0s')).err, /other HTTPRoutes \(admin\)/);
  });

  it('needs Gateway API', async () => {
    cluster.on('GET /apis', (_, response) => send(response, 200, { groups: [] }));
    assert.match((await type('web', 'web-v1=1')).err, /does not know HTTPRoute.*Install the CustomResourceDefinitions/);
  });

  for (const [what, argv, code, says] of [
    ['all weights 0', ['web', 'a=0', 'b=0'], EXIT.usage, /All weights are 0/],
    ['a weight that is none', ['web', 'a=ten'], EXIT.usage, /whole number from 0 to 1000000, not "ten"/],
    ['two weights for one Service', ['web', 'a=1', 'a=2'], EXIT.usage, /a is given two weights/],
    ['what is no weight', ['web', 'a'], EXIT.usage, /SERVICE=WEIGHT/],
    ['what is no Service', ['deploy/web', 'a=1'], EXIT.usage, /write svc\/NAME/],
    ['weights and --remove', ['web', 'a=1', '--remove'], EXIT.usage, /takes no weights/],
    ['a Service that is not there', ['nowhere', 'web-v1=1'], EXIT.failed, /services "nowhere" not found/],
    ['a backend that is not there', ['web', 'nowhere=1'], EXIT.failed, /services "nowhere" not found/],
    ['several ports', ['many', 'web-v1=1'], EXIT.failed, /several ports: 80, 443\. Say which one with --port/],
    ['a port that is not there', ['many', 'web-v1=1', '--port', '8'], EXIT.failed, /no port 8; it has 80, 443/],
    ['a backend whose port is not clear', ['web', 'pair=1'], EXIT.failed, /pair has no port 80, and several others \(81, 82\)/],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const result = await type(...argv);
      assert.equal(result.code, code);
      assert.match(result.err, says);
      assert.equal(cluster.find(ROUTE), undefined);
    });
  }
});
