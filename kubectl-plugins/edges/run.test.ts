import assert from 'node:assert/strict';
import type { TrafficEdge } from '../../api/metrics-api.ts';
import { cli } from '../shared/cli.ts';
import { EXIT } from '../shared/exit.ts';
import { fakeCluster, send, type FakeCluster } from '../testing/fake-cluster.ts';
import { matchesGolden } from '../testing/golden.ts';
import { testIo } from '../testing/io.ts';
import { edge } from '../testing/traffic.ts';

const EDGES = [edge('web', 'books'), edge('load', 'web'), edge('web', 'legacy', 'not_provided_by_service_discovery')];

describe('kubectl mesh edges', () => {
  let cluster: FakeCluster;
  let items: TrafficEdge[];
  beforeEach(async () => {
    items = EDGES;
    cluster = await fakeCluster();
    for (const path of ['/trafficedges', '/namespaces/bookshop/trafficedges']) {
      cluster.on(`GET /apis/metrics.kubectl-mesh.io/v1alpha1${path}`, (_, response) => send(response, 200, { items }));
    }
  });
  afterEach(() => cluster.close());

  const type = async (...argv: string[]): Promise<{ code: number; out: string; err: string }> => {
    const io = testIo();
    const code = await cli(['edges', ...argv], io, cluster.deps);
    return { code, out: io.out(), err: io.err() };
  };

  it('shows who talks to whom and whether it is secured', async () => {
    const { code, out } = await type('deploy', '-n', 'bookshop');
    assert.equal(code, EXIT.ok);
    matchesGolden(import.meta, 'table.txt', out);
    assert.match(cluster.requests.at(-1)!, /\?kind=deployment$/);
    matchesGolden(import.meta, 'wide.txt', (await type('deploy', '-A', '-o', 'wide')).out);
    matchesGolden(import.meta, 'edges.json', (await type('deploy', '-A', '-o', 'json')).out);
    matchesGolden(import.meta, 'edges.yaml', (await type('deploy', '-A', '-o', 'yaml')).out);
  });

  it('shows those of one workload, on either end', async () => {
    assert.deepEqual((await type('deploy/books', '-A')).out.trim().split('\n').slice(1).map((l) => l.split(/ +/).slice(0, 2)), [['web', 'books']]);
  });

  it('says when there are none', async () => {
    items = [];
    const { code, out, err } = await type('deploy', '-n', 'bookshop');
    assert.equal(code, EXIT.ok);
    assert.equal(out, '');
    assert.match(err, /^No connections found in namespace bookshop\./);
  });
});
