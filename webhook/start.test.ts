import assert from 'node:assert/strict';
import { Agent, request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { Registry } from '@prometheus-io/client';
import { INJECT_CARRIED } from '../api/webhooks.ts';
import { systemClock } from '../lib/clock.ts';
import { RESOURCES } from '../lib/kube/resources.ts';
import { type FakeApiServer, fakeApiServer } from '../lib/kube/testing/fake-api-server.ts';
import { silentLog } from '../lib/log.ts';
import { start } from './start.ts';
import { testConfig } from './testing/config.ts';

const CLUSTER = `
{apiVersion: v1, kind: Namespace, metadata: {name: shop}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata:
  {name: web-1, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: d1, controller: true}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web-1-a, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-1, uid: r1, controller: true}]}
spec: {containers: []}
---
{apiVersion: v1, kind: Pod, metadata: {name: alone, namespace: shop}, spec: {containers: []}}
`;

interface Answer { response: { uid: string; allowed: boolean; patch?: string; warnings?: string[] } }

describe('webhook server', () => {
  let api: FakeApiServer;
  let service: Awaited<ReturnType<typeof start>>;
  const registry = new Registry();
  const ending = new AbortController();

  before(async () => {
    api = await fakeApiServer(CLUSTER);
    service = await start(
      { podName: 'pod-1', listenHost: '127.0.0.1', ports: { webhook: 0 } },
      { config: testConfig, log: silentLog(), clock: systemClock, kube: api.client('injector'), admin: { registry }, signal: ending.signal },
    );
  });
  after(async () => {
    await service.stop();
    await api.close();
  });

  function post(path: string, body: string, agent: Agent | false = false): Promise<{ status: number; text: string; connection: string | undefined }> {
    const encoded = api.get(RESOURCES.secrets, 'mesh-system/mesh-serving-tls')!.data!['ca.crt']!;
    const ca = Buffer.from(encoded, 'base64');
    return new Promise((resolve, reject) => {
      const out = request({
        host: '127.0.0.1', port: service.port, path, method: 'POST', ca, servername: 'mesh-webhook.mesh-system.svc', agent,
        headers: { 'content-type': 'application/json' },
      }, (res) => {
        let text = '';
        res.setEncoding('utf8').on('data', (d: string) => { text += d; }).on('end', () => resolve({ status: res.statusCode!, text, connection: res.headers.connection }));
      });
      out.on('error', reject).end(body);
    });
  }

  async function review(path: string, given: Record<string, unknown>): Promise<Answer['response'] & { operations: { path: string }[] }> {
    const uid = `uid-${path}`;
    const { status, text } = await post(path, JSON.stringify({
      apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request: { uid, namespace: 'shop', operation: 'CREATE', ...given },
    }));
    assert.equal(status, 200, text);
    const { response } = JSON.parse(text) as Answer;
    assert.equal(response.uid, uid);
    assert.equal(response.allowed, true);
    return { ...response, operations: response.patch === undefined ? [] : JSON.parse(Buffer.from(response.patch, 'base64').toString()) as { path: string }[] };
  }

  const pod = (spec: object): object => ({
    metadata: {
      generateName: 'web-1-', annotations: { 'kubectl-mesh.io/inject': 'enabled' },
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-1', uid: 'r1', controller: true }],
    },
    spec: { containers: [{ name: 'app', image: 'example/app' }], ...spec },
  });
  const events = (): string[] => api.state.all('events').map((e) => {
    const event = e as unknown as { reason: string; involvedObject: { kind: string; name: string; uid: string } };
    return `${event.reason} ${event.involvedObject.kind}/${event.involvedObject.name} ${event.involvedObject.uid}`;
  }).sort();

  /** Events are written behind the answer's back. */
  async function eventually(count: number): Promise<void> {
    while (events().length < count) await sleep(5);
  }

  it('injects, labels with the Deployment behind the ReplicaSet, and says so there; on a dry run it says nothing', async () => {
    const kind = { group: '', version: 'v1', kind: 'Pod' };
    const dry = await review('/inject', { kind, object: pod({}), dryRun: true });
    assert.equal(events().length, 0);
    const real = await review('/inject', { kind, object: pod({}) });
    assert.deepEqual(real.operations, dry.operations);
    assert.deepEqual(real.operations.find((o) => o.path.endsWith('proxy-deployment')), { op: 'add', path: '/metadata/labels/kubectl-mesh.io~1proxy-deployment', value: 'web' });
    await review('/inject', { kind, object: pod({}) });
    await eventually(1);
    assert.deepEqual(events(), ['Injected Deployment/web d1']);
  });

  it('reports a skip that was not wanted as warning, event and metric', async () => {
    const answer = await review('/inject', { kind: { group: '', version: 'v1', kind: 'Pod' }, object: pod({ hostNetwork: true }) });
    assert.deepEqual(answer.operations, []);
    assert.match(answer.warnings![0]!, /^not meshed, deployment\/web: the pod uses the network of its node/);
    await eventually(2);
    assert.deepEqual(events(), ['Injected Deployment/web d1', 'InjectionSkipped Deployment/web d1']);
    const metrics = await registry.metrics();
    assert.match(metrics, /responses_total\{namespace="shop",owner_kind="deployment",skip="true",skip_reason="host_network_enabled"\} 1\n/);
    assert.match(metrics, /responses_total\{namespace="shop",owner_kind="deployment",skip="false",skip_reason=""\} 3\n/);
  });

  it('fails when it cannot know, so that the pod does not start unmeshed', async () => {
    const { status, text } = await post('/inject', JSON.stringify({
      apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request: { uid: 'u', namespace: 'gone', operation: 'CREATE', object: pod({}) },
    }));
    assert.equal(status, 500);
    assert.match(text, /namespaces .*gone/);
  });

  it('carries the annotation of a CronJob, whose kind the API server leaves out of the object', async () => {
    const answer = await review('/annotate', {
      kind: { group: 'batch', version: 'v1', kind: 'CronJob' },
      object: { metadata: { name: 'r', annotations: { 'linkerd.io/inject': 'enabled' } }, spec: { jobTemplate: { spec: { template: { metadata: {} } } } } },
    });
    assert.ok(answer.operations.some((o) => o.path === '/spec/jobTemplate/spec/template/metadata/annotations/linkerd.io~1inject'));
  });

  it('mirrors a namespace and tells what to restart', async () => {
    const answer = await review('/annotate', {
      kind: { group: '', version: 'v1', kind: 'Namespace' }, operation: 'UPDATE', name: 'shop',
      object: { metadata: { name: 'shop', annotations: { 'kubectl-mesh.io/inject': 'enabled' } } }, oldObject: { metadata: { name: 'shop' } },
    });
    assert.ok(answer.operations.some((o) => o.path === '/metadata/labels/kubectl-mesh.io~1inject'));
    assert.deepEqual(answer.warnings, [
      'pods that run already stay as they are; this replaces them by meshed ones: kubectl -n shop rollout restart deployment/web',
      'created anew, these come up meshed: pod/alone',
    ]);
  });

  it('refuses a policy that cannot be followed, and says which field', async () => {
    const { status, text } = await post('/validate', JSON.stringify({
      apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request: {
        uid: 'u', namespace: 'shop', operation: 'CREATE', kind: { group: 'kubectl-mesh.io', version: 'v1alpha1', kind: 'AuthorizationPolicy' },
        object: { metadata: { name: 'web' }, spec: { from: [{ cidrs: ['10.0.0.0/99'] }] } },
      },
    }));
    assert.equal(status, 200);
    const { response } = JSON.parse(text) as { response: { allowed: boolean; status: { message: string } } };
    assert.equal(response.allowed, false);
    assert.equal(response.status.message, 'spec.from[0].cidrs[0]: "10.0.0.0/99" is no network such as 10.0.0.0/8');
  });

  it('refuses what is not an AdmissionReview', async () => {
    for (const body of ['{}', '[]', 'null', '{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1beta1"}', '{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}', '{']) {
      assert.equal((await post('/inject', body)).status, 400, body);
    }
    assert.equal((await post('/other', '{}')).status, 404);
  });

  it('answers on, and asks API servers to take another connection, when it is told to end', async () => {
    const agent = new Agent({ keepAlive: true });
    assert.equal((await post('/inject', '{}', agent)).connection, 'keep-alive');
    ending.abort();
    const { status, connection } = await post('/inject', '{}', agent);
    assert.deepEqual([status, connection], [400, 'close']);
    agent.destroy();
  });

  it('leaves namespaces alone that nobody spoke about', () => {
    assert.equal(api.get(RESOURCES.namespaces, 'shop')?.metadata.annotations?.[INJECT_CARRIED], undefined);
  });
});
