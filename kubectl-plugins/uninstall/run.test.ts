import assert from 'node:assert/strict';
import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '../../lib/kube/types.ts';
import { fakeCluster, type FakeCluster } from '../testing/fake-cluster.ts';
import { matchesGolden, timeless } from '../testing/golden.ts';
import { installInto } from '../testing/installed.ts';
import { testIo } from '../testing/io.ts';
import type { UninstallOptions } from './options.ts';
import { run } from './run.ts';

const options = (given: Partial<UninstallOptions> = {}): UninstallOptions => ({
  target: { kubeconfig: undefined, context: undefined, as: undefined, asGroups: [] }, output: undefined, force: false, timeoutMs: 60_000, ...given,
});
const COPY = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: mesh-trust-anchors, namespace: web, labels: {app.kubernetes.io/part-of: kubectl-mesh}}';
const OTHERS = [
  'apiVersion: v1\nkind: Namespace\nmetadata: {name: web}',
  'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: web}',
  'apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: mesh-control}',
];
const POD = {
  apiVersion: 'v1', kind: 'Pod', status: { phase: 'Running' },
  metadata: { name: 'web-1', namespace: 'web', labels: { 'kubectl-mesh.io/control-plane-ns': 'mesh-system', 'kubectl-mesh.io/proxy-deployment': 'web' } },
} as KubeObject;

describe('kubectl mesh uninstall', () => {
  let cluster: FakeCluster;
  beforeEach(async () => {
    cluster = await fakeCluster(...OTHERS);
    await installInto(cluster);
    cluster.put(COPY);
  });
  afterEach(() => cluster.close());

  it('removes everything that is ours and nothing else', async () => {
    const io = testIo();
    assert.equal(await run(io, cluster.deps, options()), 0);
    assert.deepEqual([...cluster.objects.keys()].sort(), ['clusterroles/mesh-control', 'configmaps/web/settings', 'namespaces/web']);
    matchesGolden(import.meta, 'removed.txt', timeless(io.err()));
  });

  it('takes webhooks and aggregated APIs first, and the namespace last', async () => {
    await run(testIo(), cluster.deps, options());
    const deleted = cluster.requests.filter((r) => r.startsWith('DELETE')).map((r) => r.split('/').at(-2)!);
    const last = (plural: string): number => deleted.lastIndexOf(plural);
    assert.ok(Math.max(last('apiservices'), last('mutatingwebhookconfigurations')) < deleted.indexOf('deployments'));
    assert.ok(last('deployments') < deleted.indexOf('configmaps'));
    assert.equal(deleted.at(-1), 'namespaces');
  });

  it('refuses while pods of the mesh run, and names them with the command', async () => {
    cluster.put(POD);
    await assert.rejects(run(testIo(), cluster.deps, options()), /1 pod of the mesh still runs: deployment\/web in web\..*kubectl get deployment -n web -o yaml \| kubectl mesh uninject - \| kubectl replace/);
    assert.ok(cluster.find('namespaces/mesh-system'));
    assert.equal(await run(testIo(), cluster.deps, options({ force: true })), 0);
    assert.equal(cluster.find('namespaces/mesh-system'), undefined);
  });

  it('prints with -o what kubectl delete takes', async () => {
    const io = testIo();
    const before = cluster.objects.size;
    assert.equal(await run(io, cluster.deps, options({ output: 'yaml' })), 0);
    const printed = parseAllDocuments(io.out()).map((d) => d.toJS() as { kind: string; metadata: { name: string; namespace?: string } });
    assert.ok(printed.some((o) => o.kind === 'ConfigMap' && o.metadata.namespace === 'web'));
    assert.equal(printed.length, before - OTHERS.length - 1, 'all but the serving Secret, which the namespace takes with it');
    assert.equal(cluster.objects.size, before);
  });

  it('has nothing to do twice', async () => {
    await run(testIo(), cluster.deps, options());
    const io = testIo();
    assert.equal(await run(io, cluster.deps, options()), 0);
    assert.match(io.err(), /nothing to remove/);
  });

  it('says what holds it up when the time is over', async () => {
    cluster.on('DELETE /api/v1/namespaces/mesh-system', (_, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'));
    cluster.put({
      ...cluster.find('namespaces/mesh-system')!,
      status: { conditions: [{ type: 'NamespaceContentRemaining', status: 'True', message: 'Some resources are remaining: pods. has 1 resource instances' }] },
    } as KubeObject);
    await assert.rejects(run(testIo(), cluster.deps, options()), /Namespace mesh-system is still there after 60 s\. Kubernetes says: Some resources are remaining/);
  });
});
