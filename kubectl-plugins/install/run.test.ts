import assert from 'node:assert/strict';
import { parseAllDocuments } from 'yaml';
import { CliError } from '../shared/errors.ts';
import { EXIT } from '../shared/exit.ts';
import { fail, fakeCluster, type FakeCluster } from '../testing/fake-cluster.ts';
import { matchesGolden, timeless } from '../testing/golden.ts';
import { comeAlive, installArgs, installInto } from '../testing/installed.ts';
import { testIo, type TestIo } from '../testing/io.ts';
import { validate } from './options.ts';
import { run } from './run.ts';

/** A control plane that needs two seconds to start. */
const alive = (cluster: FakeCluster): TestIo => {
  let started = false;
  return testIo({
    onSleep: (elapsed) => {
      if (started || elapsed < 2000 || !cluster.find('deployments/mesh-system/mesh-control')) return;
      started = true;
      void comeAlive(cluster);
    },
  });
};

async function failure(io: TestIo, cluster: FakeCluster, given: Record<string, unknown> = {}): Promise<CliError> {
  const error: unknown = await run(io, cluster.deps, validate(installArgs(given))).then(() => undefined, (e: unknown) => e);
  assert.ok(error instanceof CliError, `no CliError but ${String(error)}\n${io.err()}`);
  return error;
}

describe('kubectl mesh install', () => {
  let cluster: FakeCluster;
  beforeEach(async () => {
    cluster = await fakeCluster();
  });
  afterEach(() => cluster.close());

  it('applies everything, waits, and says what comes next', async () => {
    const io = alive(cluster);
    assert.equal(await run(io, cluster.deps, validate(installArgs())), EXIT.ok);
    matchesGolden(import.meta, 'installed.txt', timeless(io.err()));
    assert.equal(io.out(), '');
    const applied = cluster.requests.filter((r) => r.startsWith('PATCH'));
    assert.ok(applied.every((r) => r.includes('fieldManager=kubectl-mesh') && r.includes('force=true')));
    assert.match(applied[0]!, /namespaces\/mesh-system/);
    assert.match(applied.at(-1)!, /mutatingwebhookconfigurations\/mesh-injector/);
  });

  it('returns once all is applied with --no-wait', async () => {
    const io = testIo();
    assert.equal(await run(io, cluster.deps, validate(installArgs({ wait: false }))), EXIT.ok);
    assert.ok(cluster.find('mutatingwebhookconfigurations/mesh-injector'));
  });

  it('refuses to install twice, and does with --force, keeping the issuer', async () => {
    await installInto(cluster);
    const issuer = structuredClone(cluster.find('secrets/mesh-system/mesh-identity-issuer'));
    const error = await failure(testIo(), cluster);
    assert.match(error.message, /installed in this cluster already/);
    assert.equal(error.exitCode, EXIT.failed);
    assert.equal(cluster.requests.filter((r) => r.startsWith('PATCH')).length, 0);
    assert.equal(await run(alive(cluster), cluster.deps, validate(installArgs({ force: true }))), EXIT.ok);
    assert.deepEqual((cluster.find('secrets/mesh-system/mesh-identity-issuer') as { data?: unknown }).data, (issuer as { data?: unknown }).data);
  });

  it('completes an install that was interrupted', async () => {
    await installInto(cluster);
    cluster.objects.delete('mutatingwebhookconfigurations/mesh-injector');
    cluster.objects.delete('deployments/mesh-system/mesh-control');
    const io = alive(cluster);
    assert.equal(await run(io, cluster.deps, validate(installArgs())), EXIT.ok);
    assert.match(io.err(), /going on from there/);
  });

  it('refuses another version of the mesh', async () => {
    await installInto(cluster);
    const config = cluster.find('configmaps/mesh-system/mesh-config') as { data?: Record<string, string> };
    config.data!['config.yaml'] = 'version: 0.0.9\n';
    assert.match((await failure(testIo(), cluster)).message, /Version 0.0.9 of the mesh is installed/);
  });

  it('refuses a namespace that somebody else made, or that is being deleted', async () => {
    cluster.put('apiVersion: v1\nkind: Namespace\nmetadata: {name: mesh-system}');
    assert.match((await failure(testIo(), cluster)).message, /was not made by kubectl mesh/);
    cluster.put('apiVersion: v1\nkind: Namespace\nmetadata: {name: mesh-system, deletionTimestamp: "2026-01-01T00:00:00Z"}');
    assert.match((await failure(testIo(), cluster)).message, /is being deleted/);
  });

  it('refuses an old Kubernetes', async () => {
    cluster.version = { major: '1', minor: '28+', gitVersion: 'v1.28.3-provider' };
    assert.match((await failure(testIo(), cluster)).message, /runs Kubernetes v1.28.3-provider, and the mesh needs v1.29 or newer/);
    assert.equal(cluster.objects.size, 0);
  });

  it('names the permission that is missing', async () => {
    cluster.forbid('create clusterroles', 'create deployments');
    const error = await failure(testIo(), cluster);
    assert.match(error.message, /Missing: create clusterroles, create deployments in mesh-system\..*kubectl auth can-i create clusterroles.rbac.authorization.k8s.io/);
    assert.equal(error.exitCode, EXIT.cluster);
    assert.equal(cluster.objects.size, 0);
  });

  it('takes back what it created when an object is refused', async () => {
    cluster.onApply = (o) => (o.kind === 'Deployment' ? { code: 403, reason: 'Forbidden', message: 'quota exceeded' } : undefined);
    const error = await failure(testIo(), cluster);
    assert.match(error.message, /quota exceeded.*removed again; the cluster is as before/);
    assert.deepEqual([...cluster.objects.keys()], []);
  });

  it('leaves it when asked to', async () => {
    cluster.onApply = (o) => (o.kind === 'Deployment' ? { code: 500, reason: 'InternalError', message: 'etcd is full' } : undefined);
    const error = await failure(testIo(), cluster, { 'keep-on-failure': true });
    assert.match(error.message, /etcd is full.*left in place as you asked/);
    assert.ok(cluster.find('namespaces/mesh-system'));
  });

  it('takes back what it created on Ctrl-C, and removes copies of the trust anchors', async () => {
    const io = testIo({
      onSleep: (elapsed, self) => {
        if (elapsed < 1000) return;
        cluster.put('apiVersion: v1\nkind: ConfigMap\nmetadata: {name: mesh-trust-anchors, namespace: web, labels: {app.kubernetes.io/part-of: kubectl-mesh}}');
        self.interrupt();
      },
    });
    const error = await failure(io, cluster);
    assert.equal(error.exitCode, EXIT.interrupted);
    assert.match(error.message, /You stopped the install. What it had created was removed again/);
    assert.deepEqual([...cluster.objects.keys()], []);
  });

  it('says which pod does not start and why', async () => {
    const io = testIo({
      onSleep: () => {
        if (!cluster.find('deployments/mesh-system/mesh-identity')) return;
        cluster.put({
          apiVersion: 'v1', kind: 'Pod', metadata: { name: 'mesh-identity-1', namespace: 'mesh-system', labels: { 'kubectl-mesh.io/component': 'identity' } },
          status: { containerStatuses: [{ name: 'mesh-identity', image: 'kubectl-mesh.io/control:0.1.0', state: { waiting: { reason: 'ImagePullBackOff', message: 'Back-off pulling' } } }] },
        } as never);
      },
    });
    const error = await failure(io, cluster);
    matchesGolden(import.meta, 'failed.txt', `${timeless(io.err())}error: ${error.message}\n`);
  });

  it('prints with -o, keeping the issuer of the cluster and changing nothing', async () => {
    await installInto(cluster);
    const before = structuredClone(cluster.objects);
    const io = testIo();
    assert.equal(await run(io, cluster.deps, validate(installArgs({ output: 'yaml' }))), EXIT.ok);
    assert.deepEqual(cluster.objects, before);
    const printed = parseAllDocuments(io.out()).map((d) => d.toJS() as { kind: string; data?: unknown });
    assert.deepEqual(printed.find((o) => o.kind === 'Secret')!.data, (cluster.find('secrets/mesh-system/mesh-identity-issuer') as { data?: unknown }).data);
  });

  it('prints nothing when it cannot know whether there is an issuer, unless told to', async () => {
    cluster.on('GET /api/v1/namespaces/mesh-system/secrets/mesh-identity-issuer', (_, response) =>
      fail(response, 403, 'Forbidden', 'User "jane" cannot get resource "secrets" in API group "" in the namespace "mesh-system"'));
    const io = testIo();
    const error = await failure(io, cluster, { output: 'yaml' });
    assert.match(error.message, /not allowed to get secrets in namespace mesh-system.*--ignore-cluster/);
    assert.equal(io.out(), '');
    assert.equal(await run(io, cluster.deps, validate(installArgs({ output: 'yaml', 'ignore-cluster': true }))), EXIT.ok);
    assert.match(io.out(), /kind: Secret/);
  });
});
