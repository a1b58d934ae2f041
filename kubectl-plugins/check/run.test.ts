import assert from 'node:assert/strict';
import type { KubeObject, Pod, Workload } from '../../lib/kube/types.ts';
import type { WebhookConfiguration } from '../shared/kinds.ts';
import { fakeCluster, type FakeCluster } from '../testing/fake-cluster.ts';
import { matchesGolden } from '../testing/golden.ts';
import { installInto } from '../testing/installed.ts';
import { START, testIo } from '../testing/io.ts';
import type { CheckOptions } from './options.ts';
import { run } from './run.ts';

const options = (given: Partial<CheckOptions> = {}): CheckOptions => ({
  target: { kubeconfig: undefined, context: undefined, as: undefined, asGroups: [] }, pre: false, waitMs: 0, namespace: undefined, output: 'table', ...given,
});

function meshedPod(name: string, version: string, ready: boolean, container = 'mesh-proxy'): KubeObject {
  const pod: Pod = {
    apiVersion: 'v1', kind: 'Pod',
    metadata: { name, namespace: 'web', labels: { 'kubectl-mesh.io/control-plane-ns': 'mesh-system' }, annotations: { 'kubectl-mesh.io/proxy-version': version } },
    spec: { containers: [], initContainers: [{ name: container }] },
    status: { phase: 'Running', initContainerStatuses: [{ name: container, ready }] },
  };
  return pod;
}

describe('kubectl mesh check', () => {
  let cluster: FakeCluster;
  beforeEach(async () => {
    cluster = await fakeCluster();
    // The fake's clock is the test's: the date header would be today's.
    cluster.on('GET /version', (_, response) => response.writeHead(200, { 'content-type': 'application/json', date: new Date(START).toUTCString() }).end(JSON.stringify(cluster.version)));
  });
  afterEach(() => cluster.close());

  const anchorsCopy = (): KubeObject => {
    const source = structuredClone(cluster.find('configmaps/mesh-system/mesh-trust-anchors'))!;
    return { ...source, metadata: { ...source.metadata, namespace: 'web' } };
  };

  it('is content with a working mesh', async () => {
    await installInto(cluster);
    cluster.put(meshedPod('web-1', '0.1.0', true), meshedPod('stock', '2.20', true, 'linkerd-proxy'), anchorsCopy());
    const io = testIo();
    assert.equal(await run(io, cluster.deps, options()), 0);
    matchesGolden(import.meta, 'healthy.txt', io.out());
  });

  it('warns of replicas that are missing, unprotected or on one node', async () => {
    await installInto(cluster, START, { ha: true });
    const pod = (n: number, nodeName: string): KubeObject => ({
      apiVersion: 'v1', kind: 'Pod', metadata: { name: `control-${n}`, namespace: 'mesh-system', labels: { 'kubectl-mesh.io/component': n < 3 ? 'control' : 'identity' } }, spec: { nodeName, containers: [] },
    } as KubeObject);
    const said = async (): Promise<string> => {
      const io = testIo();
      assert.equal(await run(io, cluster.deps, options({ output: 'short' })), 0);
      return io.out();
    };
    for (let n = 0; n < 6; n++) cluster.put(pod(n, `node-${n % 2}`));
    assert.doesNotMatch(await said(), /replicas/);
    for (let n = 0; n < 3; n++) cluster.put(pod(n, 'node-0'));
    assert.match(await said(), /all replicas of deployment mesh-control run on node node-0/);
    cluster.objects.delete('poddisruptionbudgets/mesh-system/mesh-control');
    assert.match(await said(), /PodDisruptionBudget mesh-control is missing/);
    const identity = cluster.find('deployments/mesh-system/mesh-identity') as Workload;
    identity.status!.readyReplicas = 2;
    assert.match(await said(), /of 3 replicas of deployment mesh-identity, 2 are ready/);
    identity.spec.replicas = 1;
    assert.match(await said(), /deployment mesh-identity has 1 replicas, and 3 were installed.*\n.*check.*control-plane-replicas|control-plane-replicas/);
  });

  it('is content with a cluster that can take an install', async () => {
    const io = testIo();
    assert.equal(await run(io, cluster.deps, options({ pre: true })), 0);
    matchesGolden(import.meta, 'pre.txt', io.out());
  });

  it('finds what an install would trip over', async () => {
    cluster.version = { major: '1', minor: '27', gitVersion: 'v1.27.1' };
    cluster.forbid('create clusterroles');
    cluster.put('apiVersion: v1\nkind: Namespace\nmetadata: {name: mesh-system}');
    const io = testIo({ now: START + 600_000 });
    assert.equal(await run(io, cluster.deps, options({ pre: true, output: 'short' })), 1);
    matchesGolden(import.meta, 'pre-broken.txt', io.out());
  });

  it('tells what of routes, policies and annotations is not followed, and is content all the same', async () => {
    await installInto(cluster);
    const refused = (type: string, status: string, reason: string, message: string): object => ({ type, status, reason, message, lastTransitionTime: '2026-01-01T00:00:00Z' });
    const at = (kind: string, apiVersion: string, name: string, more: object): KubeObject => ({ apiVersion, kind, metadata: { name, namespace: 'web' }, ...more });
    const parents = (controllerName: string, ...conditions: object[]): object => ({ spec: {}, status: { parents: [{ controllerName, conditions }] } });
    cluster.put(
      at('HTTPRoute', 'gateway.networking.k8s.io/v1', 'partly', parents('kubectl-mesh.io/route-controller', refused('Accepted', 'True', 'Accepted', ''), refused('PartiallyInvalid', 'True', 'UnsupportedValue', 'spec.rules[1]: no'))),
      at('HTTPRoute', 'gateway.networking.k8s.io/v1', 'of-others', parents('example.org/gateway', refused('Accepted', 'False', 'NoMatchingParent', 'not ours'))),
      at('GRPCRoute', 'gateway.networking.k8s.io/v1', 'orphan', parents('kubectl-mesh.io/route-controller', refused('Accepted', 'False', 'NoMatchingParent', 'there is no Service web/none'))),
      at('AuthorizationPolicy', 'kubectl-mesh.io/v1alpha1', 'broken', { spec: {}, status: { conditions: [refused('Accepted', 'False', 'Invalid', 'spec.to[0]: no; the policy has no effect')] } }),
      { apiVersion: 'v1', kind: 'Service', metadata: { name: 'books', namespace: 'web', annotations: { 'kubectl-mesh.io/retry-limit': 'many' } } },
    );
    const io = testIo();
    assert.equal(await run(io, cluster.deps, options({ output: 'short' })), 0);
    matchesGolden(import.meta, 'policy.txt', io.out());
  });

  it('stops where nothing after it makes sense', async () => {
    const io = testIo();
    assert.equal(await run(io, cluster.deps, options()), 1);
    matchesGolden(import.meta, 'not-installed.txt', io.out());
  });

  it('says of everything that is broken what it found', async () => {
    await installInto(cluster, START - 3650 * 86_400_000 + 30 * 86_400_000);
    (cluster.find('deployments/mesh-system/mesh-control') as Workload).status!.availableReplicas = 0;
    cluster.put({
      apiVersion: 'v1', kind: 'Pod', metadata: { name: 'mesh-control-1', namespace: 'mesh-system', labels: { 'kubectl-mesh.io/component': 'control' } },
      status: { conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/1 nodes are available: 1 Insufficient cpu' }] },
    } as never);
    delete (cluster.find('mutatingwebhookconfigurations/mesh-injector') as WebhookConfiguration).webhooks![0]!.clientConfig.caBundle;
    cluster.objects.delete('services/mesh-system/mesh-policy');
    (cluster.find('apiservices/v1alpha1.tap.kubectl-mesh.io') as never as { status: unknown }).status = {
      conditions: [{ type: 'Available', status: 'False', reason: 'FailedDiscoveryCheck', message: 'failing or missing response from https://10.1.0.1:8444' }],
    };
    const config = cluster.find('configmaps/mesh-system/mesh-config') as { data?: Record<string, string> };
    config.data!['config.yaml'] = 'version: 0.0.9\n';
    cluster.put(meshedPod('web-1', '0.0.9', true), meshedPod('web-2', '0.1.0', false));
    const io = testIo();
    assert.equal(await run(io, cluster.deps, options()), 1);
    // How long the certificates of the webhook have been expired depends on nothing but the clock of the test.
    matchesGolden(import.meta, 'broken.txt', io.out());
  });

  it('answers in JSON for monitoring', async () => {
    await installInto(cluster);
    cluster.objects.delete('services/mesh-system/mesh-policy');
    const io = testIo();
    assert.equal(await run(io, cluster.deps, options({ output: 'json' })), 1);
    matchesGolden(import.meta, 'check.json', io.out());
  });

  it('does not fail for warnings', async () => {
    await installInto(cluster);
    cluster.put(meshedPod('web-1', '0.0.9', true), anchorsCopy());
    const io = testIo();
    assert.equal(await run(io, cluster.deps, options({ output: 'short' })), 0);
    matchesGolden(import.meta, 'warning.txt', io.out());
  });

  it('waits for what may become ready by itself', async () => {
    await installInto(cluster);
    cluster.put(meshedPod('web-1', '0.1.0', false), anchorsCopy());
    const io = testIo({ onSleep: (elapsed) => (elapsed < 5000 ? undefined : cluster.put(meshedPod('web-1', '0.1.0', true))) });
    assert.equal(await run(io, cluster.deps, options({ waitMs: 30_000, output: 'short' })), 0);
    assert.equal(io.now() - START, 6000);
  });

  it('says when there is no cluster', async () => {
    const io = testIo();
    assert.equal(await run(io, { connect: () => Promise.reject(new Error('no kubeconfig')) }, options()), 1);
    matchesGolden(import.meta, 'no-cluster.txt', io.out());
  });
});
