import assert from 'node:assert/strict';
import type { Pod, Workload } from '../../lib/kube/types.ts';
import { fail, fakeCluster, type FakeCluster } from '../testing/fake-cluster.ts';
import { availability, hasBundle, isAvailable, troubleOf, type Trouble } from './health.ts';

const DEPLOYMENT: Workload = {
  apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'mesh-control', namespace: 'mesh-system', generation: 2, labels: { 'kubectl-mesh.io/component': 'control' } },
  spec: { replicas: 1, template: { spec: { containers: [] } } },
};
const withStatus = (status: Workload['status']): Workload => ({ ...DEPLOYMENT, status: status! });

describe('health of the control plane', () => {
  it('is that of the newest version alone', () => {
    const good = { observedGeneration: 2, replicas: 1, updatedReplicas: 1, availableReplicas: 1 };
    assert.equal(isAvailable(withStatus(good)), true);
    assert.equal(isAvailable(undefined), false);
    assert.equal(isAvailable(DEPLOYMENT), false);
    assert.equal(isAvailable(withStatus({ ...good, observedGeneration: 1 })), false, 'the change is not seen yet');
    assert.equal(isAvailable(withStatus({ ...good, replicas: 2 })), false, 'the old pod is the available one');
    assert.equal(isAvailable(withStatus({ ...good, availableReplicas: 0 })), false);
  });

  it('needs a bundle in every webhook, and the API server to say that an API answers', () => {
    assert.equal(hasBundle(undefined), false);
    assert.equal(hasBundle({ metadata: { name: 'x' }, webhooks: [] }), false);
    assert.equal(hasBundle({ metadata: { name: 'x' }, webhooks: [{ name: 'a', clientConfig: { caBundle: 'Q0E=' } }, { name: 'b', clientConfig: {} }] }), false);
    assert.deepEqual(availability(undefined), { available: false, message: 'the API server has not looked at it yet' });
  });
});

describe('what keeps a Deployment from starting', () => {
  let cluster: FakeCluster;
  beforeEach(async () => {
    cluster = await fakeCluster();
  });
  afterEach(() => cluster.close());

  const pod = (name: string, status: Pod['status'], creationTimestamp = '2026-01-01T00:00:00Z'): void => cluster.put({
    apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'mesh-system', creationTimestamp, labels: { 'kubectl-mesh.io/component': 'control' } }, status,
  } as never);
  const trouble = async (deployment = DEPLOYMENT): Promise<Trouble | undefined> => {
    const kube = await cluster.deps.connect({ kubeconfig: undefined, context: undefined, as: undefined, asGroups: [] });
    return troubleOf(kube, deployment);
  };
  const waiting = (reason: string, message?: string): Pod['status'] => ({ containerStatuses: [{ name: 'mesh-control', image: 'r/control:1', state: { waiting: { reason, ...(message && { message }) } } }] });

  it('is nothing while it simply starts', async () => {
    assert.equal(await trouble(), undefined);
    pod('a', waiting('ContainerCreating'));
    assert.equal(await trouble(), undefined);
  });

  it('is the image, and that does not mend itself', async () => {
    pod('a', waiting('ErrImagePull', 'not found'));
    const found = await trouble();
    assert.equal(found?.stuck, true);
    assert.match(found.text, /r\/control:1 cannot be had \(ErrImagePull\): not found\. Push the image/);
  });

  it('is a crash, with the last line that was logged', async () => {
    cluster.on('GET /api/v1/namespaces/mesh-system/pods/a/log', ({ url }, response) => response.end(url.searchParams.get('previous') === 'true' ? 'one\nno such file\n' : ''));
    pod('a', { containerStatuses: [{ name: 'mesh-control', restartCount: 4, state: { waiting: { reason: 'CrashLoopBackOff' } } }] });
    assert.deepEqual(await trouble(), { pod: 'a', reason: 'CrashLoopBackOff', text: 'it starts and exits again (4 restarts). Its last words: no such file', stuck: true });
    cluster.on('GET /api/v1/namespaces/mesh-system/pods/a/log', (_, response) => fail(response, 403, 'Forbidden', 'no'));
    assert.equal((await trouble())?.text, 'it starts and exits again (4 restarts).');
  });

  it('is the cluster: no node, no quota, or the last warning', async () => {
    pod('a', { conditions: [{ type: 'PodScheduled', status: 'False', message: '0/3 nodes are available' }] });
    assert.match((await trouble())!.text, /no node takes it: 0\/3 nodes are available\./);
    cluster.objects.clear();
    assert.match((await trouble(withStatus({ conditions: [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'exceeded quota' }] })))!.text, /cannot be created: exceeded quota\./);
    pod('b', {});
    for (const [name, lastTimestamp, message] of [['e1', '2026-01-01T00:00:02Z', 'Readiness probe failed'], ['e2', '2026-01-01T00:00:01Z', 'older']] as const) {
      cluster.put({ apiVersion: 'v1', kind: 'Event', metadata: { name, namespace: 'mesh-system' }, involvedObject: { name: 'b' }, type: 'Warning', reason: 'Unhealthy', message, lastTimestamp } as never);
    }
    assert.equal((await trouble())?.text, 'Unhealthy: Readiness probe failed.');
  });

  it('is looked for in the newest pod', async () => {
    pod('old', waiting('ErrImagePull'), '2026-01-01T00:00:00Z');
    pod('new', waiting('InvalidImageName'), '2026-01-01T00:00:01Z');
    assert.equal((await trouble())?.pod, 'new');
  });
});
