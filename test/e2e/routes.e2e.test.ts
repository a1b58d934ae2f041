import assert from 'node:assert/strict';
import { exec } from '../cluster/exec.ts';
import { applyGatewayApi } from '../gateway-api/module.ts';
import { apply, dropNamespaces, proxyMetrics, slipPast, total, waitFor, waitReady } from './steps.ts';
import { to, under, versions, webOf, type Answer } from './web.ts';
import { kube, MESHED, namespace, PROBE_NAMESPACE, type Thing } from './world.ts';

const NAMESPACE = 'routes';

const { ask, server, service, route, conditionsOf, applied } = webOf(NAMESPACE);

describe('routes of the Gateway API', () => {
  before(async () => {
    // After the mesh: the kinds are found when they come.
    await applyGatewayApi(kube(), exec, 'experimental');
    await apply(namespace(NAMESPACE), ...server('v1'), ...server('v2'));
    await waitReady(NAMESPACE, 'v1', 'v2');
  });
  after(() => dropNamespaces(NAMESPACE));

  it('go by headers, methods, paths and queries, the most particular match first', async () => {
    await apply(service('match', { version: 'v1' }));
    await applied(route('match', 'match', [
      { backendRefs: [to('web-v1')] },
      { matches: [{ headers: [{ name: 'x-version', value: 'two' }] }, { method: 'DELETE' }, { queryParams: [{ name: 'v', type: 'RegularExpression', value: '2.*' }] }, { path: { type: 'Exact', value: '/two' } }], backendRefs: [to('web-v2')] },
    ]));
    await waitFor('the route at the proxy', async () => versions(await ask('match', { path: '/two' }))[0] === 'v2');
    const answers = await ask('match', { path: '/' }, { path: '/', headers: { 'X-Version': 'two' } }, { path: '/', method: 'DELETE' }, { path: '/?v=2b' }, { path: '/?v=1' }, { path: '/two' }, { path: '/two/more' });
    assert.deepEqual(versions(answers), ['v1', 'v2', 'v2', 'v2', 'v1', 'v2', 'v1']);
  });

  it('spread requests by weight, and give the share of a backend that is none 500', async () => {
    await apply(service('weights', { version: 'v1' }));
    await apply(route('weights', 'weights', [{ backendRefs: [to('web-v1', 2), to('web-v2', 1), to('nowhere', 1), to('web-v2', 0)] }]));
    assert.deepEqual(await conditionsOf('weights'), ['Accepted True Accepted', 'ResolvedRefs False BackendNotFound']);
    await waitFor('the route at the proxy', async () => (await ask('weights', ...Array.from({ length: 20 }, () => ({ path: '/' })))).some(({ status }) => status === 500));
    const answers = await ask('weights', ...Array.from({ length: 400 }, () => ({ path: '/' })));
    const count = (wanted: (answer: Answer) => boolean) => answers.filter(wanted).length;
    const [one, two, failed] = [count((a) => a.body?.version === 'v1'), count((a) => a.body?.version === 'v2'), count((a) => a.status === 500)];
    assert.equal(one + two + failed, 400);
    // Five standard deviations of a binomial distribution.
    for (const [share, n] of [[0.5, one], [0.25, two], [0.25, failed]] as const) assert.ok(Math.abs(n - 400 * share) < 5 * Math.sqrt(400 * share * (1 - share)), `${one} ${two} ${failed}`);
    await apply(service('nowhere', { version: 'v1' }));
    await waitFor('the reference resolved', async () => (await conditionsOf('weights'))[1] === 'ResolvedRefs True ResolvedRefs');
    await waitFor('no failures any more', async () => (await ask('weights', ...Array.from({ length: 40 }, () => ({ path: '/' })))).every(({ status }) => status === 200));
  });

  it('spread by weight while a side fails over by itself, and comes back', async () => {
    const side = (version: string) => service('side', { version }, { 'kubectl-mesh.io/failover': 'web-v2' });
    await apply(service('split', { version: 'v1' }), side('none'));
    await applied(route('split', 'split', [{ backendRefs: [to('web-v1', 1), to('side', 1)] }]));
    const seen = async () => [...new Set(versions(await ask('split', ...Array.from({ length: 30 }, () => ({ path: '/' })))))].sort().join();
    await waitFor('what takes over', async () => (await seen()) === 'v1,v2');
    await apply(side('v1'));
    await waitFor('the side to come back', async () => (await seen()) === 'v1');
    await apply(side('none'));
    await waitFor('what takes over, again', async () => (await seen()) === 'v1,v2');
  });

  it('redirect, rewrite and change headers', async () => {
    await apply(service('change', { version: 'v1' }));
    await applied(route('change', 'change', [
      { matches: under('/old'), filters: [{ type: 'RequestRedirect', requestRedirect: { scheme: 'https', hostname: 'new.example.com', statusCode: 301, path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/new' } } }] },
      { matches: under('/here'), filters: [{ type: 'URLRewrite', urlRewrite: { hostname: 'there.example.com', path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/there' } } }], backendRefs: [to('web-v1')] },
      {
        matches: under('/headers'),
        filters: [
          { type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'X-Set', value: 'new' }], add: [{ name: 'X-Add', value: 'b' }], remove: ['X-Gone'] } },
          { type: 'ResponseHeaderModifier', responseHeaderModifier: { set: [{ name: 'X-Server', value: 'changed' }], add: [{ name: 'X-More', value: '1' }] } },
        ],
        backendRefs: [{ ...to('web-v2'), filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'X-Backend', value: 'v2' }] } }] }],
      },
    ]));
    await waitFor('the route at the proxy', async () => (await ask('change', { path: '/none' }))[0]!.status === 404);
    const [old, here, headers] = await ask('change', { path: '/old/page?q=1' }, { path: '/here/page?q=1' }, { path: '/headers', headers: { 'x-set': 'old', 'x-add': 'a', 'x-gone': 'x' } });
    assert.deepEqual([old!.status, old!.headers['location']], [301, 'https://new.example.com/new/page?q=1']);
    assert.deepEqual([here!.body!.url, here!.body!.host], ['/there/page?q=1', 'there.example.com']);
    const got = headers!.body!.headers;
    assert.deepEqual([got['x-set'], got['x-add'], got['x-gone'], got['x-backend']], ['new', 'a, b', undefined, 'v2']);
    assert.deepEqual([headers!.headers['x-server'], headers!.headers['x-more']], ['changed', '1']);
  });

  it('mirror requests, retry failures and bound the time they take', async () => {
    await apply(service('policy', { version: 'v1' }));
    await applied(route('policy', 'policy', [
      { matches: under('/mirror'), filters: [{ type: 'RequestMirror', requestMirror: { backendRef: to('web-v2') } }], backendRefs: [to('web-v1')] },
      { matches: under('/fail'), retry: { codes: [503], attempts: 3, backoff: '10ms' }, backendRefs: [to('web-v1')] },
      { matches: under('/slow'), timeouts: { request: '200ms' }, backendRefs: [to('web-v1')] },
    ]));
    await waitFor('the route at the proxy', async () => (await ask('policy', { path: '/none' }))[0]!.status === 404);
    const answers = await ask('policy', { path: '/mirror/a' }, { path: '/fail/twice?times=2' }, { path: '/fail/often?times=9' }, { path: '/slow?ms=3000' }, { path: '/slow?ms=0' });
    assert.deepEqual(answers.map(({ status, body }) => [status, body?.version, body?.times]), [[200, 'v1', 1], [200, 'v1', 3], [503, 'v1', 4], [504, undefined, undefined], [200, 'v1', 2]]);
    await waitFor('the copy', async () => ((await ask('web-v2', { path: '/seen' }))[0]!.body as unknown as Record<string, number>)['/mirror/a'] === 1);
  });

  it('are bounded by the rate that a pod takes', async () => {
    const annotate = (...args: string[]) => kube().must('annotate', ['annotate', 'pod', 'v2', '-n', NAMESPACE, ...args]);
    await annotate('kubectl-mesh.io/rate-limit=2');
    const burst = async (): Promise<number[]> => (await ask('web-v2', ...Array.from({ length: 20 }, () => ({ path: '/' })))).map(({ status }) => status);
    const statuses = await waitFor('the limit', async () => {
      const all = await burst();
      return all.includes(429) && all;
    });
    assert.ok(statuses.includes(200) && statuses.every((status) => status === 200 || status === 429), statuses.join());
    await annotate('kubectl-mesh.io/rate-limit-');
    await waitFor('no limit any more', async () => (await burst()).every((status) => status === 200));
  });

  it('and what the policies of Services are told', async () => {
    const policy = (name: string, ...services: string[]): Thing => ({
      apiVersion: 'gateway.networking.x-k8s.io/v1alpha1', kind: 'XBackendTrafficPolicy', metadata: { name, namespace: NAMESPACE },
      spec: { targetRefs: services.map((of) => ({ group: '', kind: 'Service', name: of })), sessionPersistence: { sessionName: 'session', type: 'Cookie' } },
    });
    const told = (name: string) => waitFor(`the status of ${name}`, async () => {
      const { status } = await kube().json<{ status?: { ancestors?: { ancestorRef: { name: string }; conditions: { status: string; reason: string }[] }[] } }>('read the policy', ['get', 'xbackendtrafficpolicy', name, '-n', NAMESPACE]);
      return status?.ancestors?.map(({ ancestorRef, conditions }) => `${ancestorRef.name} ${conditions.map(({ status: is, reason }) => `${is} ${reason}`).join()}`).sort();
    });
    await apply(policy('older', 'web-v1', 'no-such'));
    assert.deepEqual(await told('older'), ['no-such False TargetNotFound', 'web-v1 True Accepted']);
    // Made later, or after it in the alphabet.
    await apply(policy('younger', 'web-v1'));
    assert.deepEqual(await told('younger'), ['web-v1 False Conflicted']);
    const cookies = (await ask('web-v1', { path: '/' })).map(({ headers }) => headers['set-cookie'] ?? '');
    assert.match(cookies[0]!, /^session=/);
  });

  it('of a consumer are for its namespace', async () => {
    await apply(service('consumed', { version: 'v1' }));
    await applied(route('consumed', 'consumed', [{ backendRefs: [to('web-v1')] }]));
    await applied(route('consumer', 'consumed', [{ filters: [{ type: 'ResponseHeaderModifier', responseHeaderModifier: { set: [{ name: 'X-Consumer', value: 'probe' }] } }], backendRefs: [{ ...to('consumed'), namespace: NAMESPACE }] }], { namespace: PROBE_NAMESPACE }));
    await waitFor('the consumer\'s route', async () => (await ask('consumed', { path: '/' }))[0]!.headers['x-consumer'] === 'probe');
    await kube().must('delete the consumer\'s route', ['delete', 'httproute', 'consumer', '-n', PROBE_NAMESPACE]);
    await waitFor('the producer\'s route', async () => (await ask('consumed', { path: '/' }))[0]!.headers['x-consumer'] === undefined);
  });

  it('and annotations of Services inject faults, and say by events what they cannot be followed in', async () => {
    await slipPast(NAMESPACE, service('faulty', { version: 'v1' }, { 'kubectl-mesh.io/fault-abort': '418', 'kubectl-mesh.io/timeout-request': 'whenever' }));
    await waitFor('the fault', async () => (await ask('faulty', { path: '/' }))[0]!.status === 418);
    assert.ok(total(await proxyMetrics(PROBE_NAMESPACE, MESHED), 'outbound_http_faults_injected_total', { fault: 'abort', parent_name: 'faulty' }) >= 1);
    const events = await waitFor('the event', async () => {
      const { items } = await kube().json<{ items: { message: string; type: string; involvedObject: { name: string } }[] }>('list events', ['get', 'events', '-n', NAMESPACE, '--field-selector', 'reason=TrafficSettingProblem']);
      return items.length > 0 && items;
    });
    assert.deepEqual(events.map(({ type, involvedObject }) => [type, involvedObject.name]), [['Warning', 'faulty']]);
    assert.match(events[0]!.message, /^kubectl-mesh\.io\/timeout-request is "whenever" and has to be a duration/);
    await kube().must('annotate', ['annotate', 'service', 'faulty', '-n', NAMESPACE, 'kubectl-mesh.io/fault-abort-']);
    await waitFor('no fault', async () => (await ask('faulty', { path: '/' }))[0]!.status === 200);
  });

  it('inject the faults that they refer to', async () => {
    await apply(service('teapot', { version: 'v1' }));
    await apply(route('teapot', 'teapot', [{ filters: [{ type: 'ExtensionRef', extensionRef: { group: 'kubectl-mesh.io', kind: 'HTTPFault', name: 'teapot' } }] }]));
    assert.deepEqual(await conditionsOf('teapot'), ['Accepted True Accepted', 'ResolvedRefs False FilterNotFound']);
    await waitFor('requests to fail', async () => (await ask('teapot', { path: '/' }))[0]!.status === 500);
    await apply({ apiVersion: 'kubectl-mesh.io/v1alpha1', kind: 'HTTPFault', metadata: { name: 'teapot', namespace: NAMESPACE }, spec: { abort: { httpStatus: 418 }, matches: [{ headers: [{ name: 'x-test', value: 'yes' }] }] } });
    await waitFor('the fault to be found', async () => (await conditionsOf('teapot'))[1] === 'ResolvedRefs True ResolvedRefs');
    await waitFor('other requests to pass', async () => (await ask('teapot', { path: '/' }))[0]!.status === 200);
    assert.equal((await ask('teapot', { path: '/', headers: { 'x-test': 'yes' } }))[0]!.status, 418);
    await waitFor('the status of the fault', async () => {
      const { status } = await kube().json<{ status?: { conditions: { status: string }[] } }>('read the fault', ['get', 'httpfault', 'teapot', '-n', NAMESPACE]);
      return status?.conditions[0]?.status === 'True';
    });
  });

  it('that cannot be followed say why, and what can stays in force', async () => {
    await apply(service('partly', { version: 'v1' }));
    await slipPast(NAMESPACE, route('partly', 'partly', [{ backendRefs: [to('web-v2')] }, { matches: [{ path: { type: 'RegularExpression', value: '(' } }], backendRefs: [to('web-v1')] }], { annotations: { 'kubectl-mesh.io/retry-limit': 'often' } }));
    assert.deepEqual(await conditionsOf('partly'), ['Accepted True Accepted', 'PartiallyInvalid True UnsupportedValue', 'ResolvedRefs True ResolvedRefs', 'kubectl-mesh.io/Problems True FieldsNotUsed']);
    await waitFor('what can be followed', async () => versions(await ask('partly', { path: '/' }))[0] === 'v2');
    await apply(route('orphan', 'no-such-service', [{ backendRefs: [to('web-v1')] }]));
    assert.deepEqual(await conditionsOf('orphan'), ['Accepted False NoMatchingParent', 'ResolvedRefs True ResolvedRefs']);
    const version = async () => (await kube().json<{ metadata: { resourceVersion: string } }>('read', ['get', 'httproute', 'orphan', '-n', NAMESPACE])).metadata.resourceVersion;
    const before = await version();
    await apply(service('unrelated', { version: 'v1' }));
    await conditionsOf('partly');
    assert.equal(await version(), before, 'nothing changed, nothing is written');
  });
});
