import assert from 'node:assert/strict';
import { parse, parseAllDocuments } from 'yaml';
import type { MeshConfig } from '../../api/config.ts';
import type { ConfigMap, Workload } from '../../lib/kube/types.ts';
import { CliError } from '../shared/errors.ts';
import { EXIT } from '../shared/exit.ts';
import { fakeCluster, type FakeCluster } from '../testing/fake-cluster.ts';
import { matchesGolden, timeless } from '../testing/golden.ts';
import { comeAlive, defaultConfig, installArgs, installInto, realIssuer } from '../testing/installed.ts';
import { testIo, type TestIo } from '../testing/io.ts';
import { manifests } from './manifests/all.ts';
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

  it('makes an install one of three replicas and back, when told to, and takes their budgets away again', async () => {
    await installInto(cluster);
    const replicas = (): unknown[] => ['mesh-identity', 'mesh-control'].map((name) => (cluster.find(`deployments/mesh-system/${name}`) as Workload).spec.replicas);
    const budgets = (): string[] => [...cluster.objects.keys()].filter((key) => key.startsWith('poddisruptionbudgets/'));
    assert.match((await failure(testIo(), cluster, { ha: true })).message, /installed in this cluster already.*--force/);
    assert.equal(await run(alive(cluster), cluster.deps, validate(installArgs({ ha: true, force: true }))), EXIT.ok);
    assert.deepEqual([replicas(), budgets().length], [[3, 3], 2]);
    assert.match((await failure(testIo(), cluster)).message, /installed in this cluster already/);
    assert.equal(await run(alive(cluster), cluster.deps, validate(installArgs({ force: true }))), EXIT.ok);
    assert.deepEqual([replicas(), budgets()], [[1, 1], []]);
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

  it('prints with -o without asking a cluster, always the same, and no key', async () => {
    const print = async (): Promise<string> => {
      const io = testIo();
      assert.equal(await run(io, { connect: () => assert.fail('a cluster is asked') }, validate(installArgs({ output: 'yaml' }))), EXIT.ok);
      return io.out();
    };
    const printed = await print();
    assert.equal(await print(), printed);
    assert.doesNotMatch(printed, /PRIVATE KEY|tls\.key: \S/);
    assert.equal(parseAllDocuments(printed).length, manifests(defaultConfig()).length);
  });

  it('leaves trust anchors, keys and their owner as they are when it is applied over another install', async () => {
    await installInto(cluster);
    const config = cluster.find('configmaps/mesh-system/mesh-config') as ConfigMap & { data: Record<string, string> };
    config.data['config.yaml'] = config.data['config.yaml']!.replace('authority: automatic', 'authority: given');
    assert.equal(await run(alive(cluster), cluster.deps, validate(installArgs({ force: true, 'proxy-log-level': 'info' }))), EXIT.ok);
    const applied = cluster.requests.filter((r) => r.startsWith('PATCH')).join('\n');
    assert.doesNotMatch(applied, /mesh-identity-issuer|mesh-identity-root|mesh-trust-anchors/);
    const after = parse((cluster.find('configmaps/mesh-system/mesh-config') as ConfigMap).data!['config.yaml']!) as MeshConfig;
    assert.deepEqual([after.identity.authority, after.proxy.logLevel], ['given', 'info']);
  });

  it('takes an authority that is given, when it fits together, and not over another', async () => {
    const { certificate, key, anchors } = await realIssuer();
    const files: Record<string, string> = { 'ca.crt': certificate, 'ca.key': key, 'root.crt': anchors };
    const given = { 'identity-issuer-certificate-file': 'ca.crt', 'identity-issuer-key-file': 'ca.key', 'identity-trust-anchors-file': 'root.crt' };
    const withFiles = (io: TestIo, more: Record<string, string> = {}): TestIo => Object.assign(io, { files: { ...io.files, read: (path: string) => Promise.resolve({ ...files, ...more }[path]!) } });
    const wrong = withFiles(testIo(), { 'root.crt': (await realIssuer()).anchors });
    assert.match((await failure(wrong, cluster, given)).message, /cannot be used: no valid path leads from the issuer certificate/);
    assert.equal(await run(withFiles(alive(cluster)), cluster.deps, validate(installArgs(given))), EXIT.ok);
    const secret = cluster.find('secrets/mesh-system/mesh-identity-issuer') as ConfigMap & { data: Record<string, string> };
    assert.equal(Buffer.from(secret.data['tls.key']!, 'base64').toString(), key);
    assert.match((await failure(withFiles(testIo()), cluster, { ...given, force: true })).message, /has a certificate authority already/);
  });
});
