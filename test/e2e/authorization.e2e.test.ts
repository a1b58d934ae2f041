import assert from 'node:assert/strict';
import { apply, inPod, loadGoesOn, loadTotals, pods, proxyMetrics, slipPast, total, waitFor } from './steps.ts';
import { kube, MESHED, PLAIN, PROBE_NAMESPACE, type Thing } from './world.ts';

const NAMESPACE = 'bookshop';

const policy = (name: string, spec: Record<string, unknown>): Thing => ({ apiVersion: 'kubectl-mesh.io/v1alpha1', kind: 'AuthorizationPolicy', metadata: { name, namespace: NAMESPACE }, spec });
const callWeb = (pod: string, path = '/'): Promise<number> => inPod(PROBE_NAMESPACE, pod, `console.log((await fetch('http://web.bookshop${path}')).status)`);
const answers = (pod: string, status: number, path?: string): Promise<boolean> => waitFor(`${status} for ${pod}`, async () => (await callWeb(pod, path)) === status);

/** Whether `kubectl mesh authz` says that it is allowed, and its first line. */
async function explained(...request: string[]): Promise<[boolean, string]> {
  const { code, stdout, stderr } = await kube().kubectl(['mesh', 'authz', 'deploy/web', '-n', NAMESPACE, ...request]);
  assert.ok(code === 0 || code === 1, stderr);
  assert.notEqual(stdout, '', stderr);
  return [code === 0, stdout.split('\n')[0]!];
}

interface Condition { type: string; status: string; reason: string; message: string }

async function accepted(name: string): Promise<Condition> {
  return waitFor(`a verdict on ${name}`, async () => {
    const object = await kube().json<{ status?: { conditions?: Condition[] } }>('read the policy', ['get', 'authorizationpolicy', name, '-n', NAMESPACE]);
    return object.status?.conditions?.find((c) => c.type === 'Accepted');
  });
}

describe('an AuthorizationPolicy', () => {
  afterEach(async () => {
    await kube().must('delete the policies', ['delete', 'authorizationpolicies', '--all', '-n', NAMESPACE]);
    await answers(MESHED, 200);
    await answers(PLAIN, 200);
  });

  it('that denies refuses those clients and requests, and no others', async () => {
    await apply(policy('no-probes', {
      target: { kind: 'Deployment', name: 'web' }, action: 'Deny', from: [{ serviceAccounts: [{ name: MESHED, namespace: PROBE_NAMESPACE }] }], to: [{ paths: [{ value: '/' }] }],
    }));
    assert.equal((await accepted('no-probes')).status, 'True');
    await answers(MESHED, 403);
    assert.notEqual(await callWeb(MESHED, '/elsewhere'), 403);
    assert.equal(await callWeb(PLAIN), 200);
    const from = ['--from', `sa/${PROBE_NAMESPACE}/${MESHED}`];
    assert.deepEqual(await explained(...from), [false, 'Denied: AuthorizationPolicy no-probes denies it.']);
    assert.equal((await explained(...from, '--path', '/elsewhere'))[0], true);
    assert.equal((await explained('--unauthenticated'))[0], true);
    const before = await loadTotals();
    await loadGoesOn(20);
    assert.equal((await loadTotals()).web.failed, before.web.failed);
    const denied = await Promise.all((await pods(NAMESPACE, 'app=web')).map(async (pod) => total(await proxyMetrics(NAMESPACE, pod.metadata.name), 'inbound_http_authz_deny_total', { authz_name: 'no-probes' })));
    assert.ok(denied.reduce((a, b) => a + b) >= 1);
  });

  it('that allows lets nobody else in, while the pods stay ready and the load goes on', async () => {
    const before = await loadTotals();
    await apply(policy('load-only', { target: { kind: 'Service', name: 'web' }, from: [{ serviceAccounts: [{ name: 'load' }, { name: 'report' }] }] }));
    await answers(MESHED, 403);
    await answers(PLAIN, 403);
    assert.match((await explained('--unauthenticated'))[1], /^Denied: only load-only allows anybody at this port/);
    assert.deepEqual(await explained('--from', `sa/${NAMESPACE}/load`), [true, 'Allowed: AuthorizationPolicy load-only allows it.']);
    await loadGoesOn(20);
    assert.equal((await loadTotals()).web.failed, before.web.failed, 'the load generator may');
    const check = await kube().kubectl(['wait', '--for=condition=Ready', 'pod', '-l', 'app=web', '-n', NAMESPACE, '--timeout=5s']);
    assert.equal(check.code, 0, 'probes are always let through');
  });

  it('is refused where its fields do not fit together, and told what of it cannot be followed', async () => {
    const tried = await kube().kubectl(['apply', '-f', '-'], { input: JSON.stringify(policy('odd', { target: { kind: 'Deployment' } })) });
    assert.notEqual(tried.code, 0);
    assert.match(tried.stderr, /name has to be given for every kind but Namespace and Pod/);
    const broken = policy('broken', { action: 'Deny', to: [{ paths: [{ type: 'RegularExpression', value: '((' }] }] });
    const refused = await kube().kubectl(['apply', '-f', '-'], { input: JSON.stringify(broken) });
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /The request is invalid: .*spec\.to\[0\]\.paths\[0\]\.value: Invalid regular expression/s);
    await slipPast(NAMESPACE, broken);
    const { status, reason, message } = await accepted('broken');
    assert.deepEqual([status, reason], ['False', 'Invalid']);
    assert.match(message, /spec\.to\[0\]\.paths\[0\]\.value/);
    assert.equal(await callWeb(MESHED), 200);
  });
});
