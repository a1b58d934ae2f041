import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pod } from '../../lib/kube/types.ts';
import { cli } from '../shared/cli.ts';
import { EXIT } from '../shared/exit.ts';
import { fakeCluster, type FakeCluster } from '../testing/fake-cluster.ts';
import { matchesGolden } from '../testing/golden.ts';
import { installInto } from '../testing/installed.ts';
import { testIo } from '../testing/io.ts';

const SHOP = readFileSync(join(import.meta.dirname, 'testdata/shop.yaml'), 'utf8');

describe('kubectl mesh authz', () => {
  let cluster: FakeCluster;
  beforeEach(async () => {
    cluster = await fakeCluster();
    await installInto(cluster);
    cluster.put(SHOP);
  });
  afterEach(() => cluster.close());

  const type = async (...argv: string[]): Promise<{ code: number; out: string; err: string }> => {
    const io = testIo();
    const code = await cli(['authz', ...argv, '-n', 'shop'], io, cluster.deps);
    return { code, out: io.out(), err: io.err() };
  };
  /** exit code and first line */
  const decided = async (...argv: string[]): Promise<[number, string]> => {
    const { code, out, err } = await type(...argv);
    return [code, out.split('\n')[0]! || err];
  };

  it('lists what is in force at each port', async () => {
    const { code, out, err } = await type('deploy/books');
    assert.equal(code, EXIT.ok, err);
    matchesGolden(import.meta, 'list.txt', out + err);
    matchesGolden(import.meta, 'list-wide.txt', (await type('deploy/books', '-o', 'wide')).out);
    assert.deepEqual(JSON.parse((await type('svc/books', '-o', 'json')).out), JSON.parse((await type('pod/books-1', '-p', 'http', '-o', 'json')).out));
  });

  it('shows a decision in full', async () => {
    const { code, out } = await type('deploy/books', '-p', 'http', '--from', 'sa/web', '--method', 'GET', '--path', '/list?page=2');
    assert.equal(code, EXIT.ok);
    matchesGolden(import.meta, 'allowed.txt', out);
    matchesGolden(import.meta, 'denied.json', (await type('deploy/books', '-p', '8080', '--from', 'sa/web', '--method', 'PUT', '-o', 'json')).out);
  });

  for (const [what, argv, code, says] of [
    ['a policy that allows', ['--from', 'sa/web', '--method', 'POST', '--path', '/carts/7'], 0, /^Allowed: AuthorizationPolicy books-clients allows it\.$/],
    ['nothing that allows', ['--from', 'sa/web', '--method', 'POST', '--path', '/cartsx'], 1, /^Denied: only books-clients, readers allow anybody at this port, and not this/],
    ['a Deny before an Allow', ['--from', 'sa/web', '--path', '/admin/users'], 1, /^Denied: AuthorizationPolicy no-admin denies it\.$/],
    ['an account of another namespace', ['--from', 'sa/library/editor', '--method', 'PUT', '--path', '/read/1'], 0, /AuthorizationPolicy readers allows it/],
    ['a route that is another', ['--from', 'sa/library/editor', '--method', 'PUT', '--path', '/reading'], 1, /^Denied/],
    ['a probe', ['--unauthenticated', '--path', '/live'], 0, /^Allowed: it is what a probe of the kubelet asks/],
    ['an Audit that lets pass', ['--from-ip', '10.9.1.1'], 0, /^Allowed: AuthorizationPolicy watch-strangers lets it pass and has it counted/],
    ['a client without identity', ['--unauthenticated'], 1, /^Denied/],
    ['an identity in full', ['--from', 'web.shop.serviceaccount.identity.mesh-system.cluster.local'], 0, /books-clients allows it/],
    ['a connection: Allow with methods does not count, and Deny with paths does', ['--from', 'sa/web', '--tcp'], 1, /no-admin denies it/],
  ] as const) {
    it(`decides: ${what}`, async () => {
      const [got, line] = await decided('deploy/books', '-p', '8080', ...argv);
      assert.match(line, says);
      assert.equal(got, code);
    });
  }

  it('falls back on the default policy of namespace, pod and install where no policy allows', async () => {
    assert.deepEqual(await decided('deploy/books', '-p', 'db', '--from', 'sa/web', '--tcp'), [0, 'Allowed: the default policy cluster-authenticated (of the namespace) allows it.']);
    (cluster.find('pods/shop/books-1') as Pod).metadata.annotations = { 'config.linkerd.io/default-inbound-policy': 'deny' };
    assert.deepEqual(await decided('deploy/books', '-p', 'db', '--from', 'sa/web'),
      [1, 'Denied: no AuthorizationPolicy allows anybody at this port, and the default policy deny (of the pod) does not allow it; the port is opaque, so methods and paths are not seen.']);
    delete (cluster.find('namespaces/shop') as Pod).metadata.annotations;
    assert.deepEqual(await decided('deploy/web', '--unauthenticated', '--from-ip', '203.0.113.1'), [0, 'Allowed: the default policy all-unauthenticated (of the install) allows it.']);
  });

  it('says so where the proxy is not asked', async () => {
    (cluster.find('pods/shop/web-1') as Pod).metadata.annotations = { 'kubectl-mesh.io/skip-inbound-ports': '8000-9000' };
    assert.deepEqual(await decided('deploy/web', '--unauthenticated'), [0, 'Allowed: port 8080 skips the proxy, so nothing is enforced there.']);
    assert.match((await type('deploy/web')).out, /8080 +- +Allow +anybody +everything, past the proxy/);
  });

  it('tells apart pods that differ, and is content only when all of them are', async () => {
    const other = structuredClone(cluster.find('pods/shop/web-1') as Pod);
    other.metadata = { ...other.metadata, name: 'web-2', annotations: { 'kubectl-mesh.io/default-inbound-policy': 'deny' } };
    cluster.put(other);
    const { code, out } = await type('deploy/web', '--from', 'sa/web');
    assert.equal(code, EXIT.failed);
    assert.match(out, /^Allowed at web-1: .+\nDenied at web-2: /);
    assert.match((await type('deploy/web')).out, /PODS\n(.*web-1\n){2}(.*web-2\n){2}$/);
  });

  it('does without the kinds of the mesh and of the Gateway API', async () => {
    for (const key of cluster.objects.keys()) if (key.startsWith('authorizationpolicies/') || key.startsWith('httproutes/')) cluster.objects.delete(key);
    cluster.on('GET /apis/kubectl-mesh.io/v1alpha1/namespaces/shop/authorizationpolicies', (_, response) => response.writeHead(404).end('404 page not found'));
    assert.deepEqual(await decided('deploy/web', '--from', 'sa/web'), [0, 'Allowed: the default policy cluster-authenticated (of the namespace) allows it.']);
  });

  for (const [what, argv, code, says] of [
    ['a workload that is not there', ['deploy/none'], 1, /no meshed pods of deploy\/none in namespace shop/],
    ['one without the proxy', ['deploy/bare'], 1, /is not meshed: none of its pods has the proxy/],
    ['an account that is not there', ['deploy/web', '--from', 'sa/nobody'], 1, /nobody/],
    ['no choice of port', ['deploy/books', '--unauthenticated'], 2, /--port: deploy\/books has 5432, 8080/],
    ['a port that there is not', ['deploy/books', '-p', 'https', '--unauthenticated'], 1, /no port "https"\. Known: 5432, 8080/],
    ['several workloads', ['deploy'], 2, /not one workload/],
    ['two clients', ['deploy/web', '--from', 'sa/web', '--unauthenticated'], 2, /give one of the two/],
    ['nobody who calls', ['deploy/web', '--path', '/a'], 2, /Say who calls/],
    ['a client that is none', ['deploy/web', '--from', 'web'], 2, /--from takes sa\/NAME/],
    ['an address that is none', ['deploy/web', '--from-ip', '10.1'], 2, /--from-ip takes an address/],
    ['a method in lower case', ['deploy/web', '--unauthenticated', '--method', 'get'], 2, /in upper case/],
    ['a path that is none', ['deploy/web', '--unauthenticated', '--path', 'a'], 2, /--path takes a path/],
    ['a path of a connection', ['deploy/web', '--unauthenticated', '--tcp', '--path', '/a'], 2, /neither --method nor --path/],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const result = await type(...argv);
      assert.match(result.err, says);
      assert.equal(result.code, code);
    });
  }

  it('needs an install', async () => {
    cluster.objects.delete('configmaps/mesh-system/mesh-config');
    const { code, err } = await type('deploy/web');
    assert.equal(code, EXIT.failed);
    assert.match(err, /not installed/);
  });
});
