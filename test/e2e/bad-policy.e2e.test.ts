/** What cannot be followed, row by row: whether admission takes it, its status, its event, `kubectl mesh check`, and what traffic does meanwhile. */
import assert from 'node:assert/strict';
import { CONTROL_WORKLOAD, DEFAULT_CONTROL_NAMESPACE } from '../../api/names.ts';
import { exec } from '../cluster/exec.ts';
import { applyGatewayApi } from '../gateway-api/module.ts';
import { awaitRollouts } from '../mesh/sample.ts';
import { apply, dropNamespaces, slipPast, waitFor, waitReady } from './steps.ts';
import { to, under, webOf } from './web.ts';
import { kube, namespace, type Thing } from './world.ts';

const NAMESPACE = 'bad-policy';
const { ask, server, service, route, conditionsOf } = webOf(NAMESPACE);

const on = (name: string, annotations: Record<string, string>): Thing =>
  service(name, { version: 'v1' }, Object.fromEntries(Object.entries(annotations).map(([key, value]) => [`kubectl-mesh.io/${key}`, value])));
const policy = (spec: object): Thing => ({ apiVersion: 'kubectl-mesh.io/v1alpha1', kind: 'AuthorizationPolicy', metadata: { name: 'doors', namespace: NAMESPACE }, spec });

interface Row {
  what: string;
  /** stored in this order */
  things: Thing[];
  /** of the last one: what the API server says when it does not take it */
  refused?: RegExp;
  /** of the last one, if it is a route */
  conditions?: string[];
  /** kind and name of the object, and what is said about it, by event and by check */
  said: [kind: string, name: string, message: RegExp];
  /** what a request to the Service of this name gets then */
  host: string;
  status: number;
  path?: string;
}

const FAILED_REFERENCE = ['Accepted True Accepted', 'ResolvedRefs False BackendNotFound'];
const FIELDS = ['Accepted True Accepted', 'ResolvedRefs True ResolvedRefs', 'kubectl-mesh.io/Problems True FieldsNotUsed'];

const ROWS: Row[] = [
  {
    what: 'a route for a Service that is not there', things: [on('free', {}), route('orphan', 'nobody', [{ backendRefs: [to('web-v1')] }])],
    conditions: ['Accepted False NoMatchingParent', 'ResolvedRefs True ResolvedRefs'], said: ['HTTPRoute', 'orphan', /there is no Service bad-policy\/nobody/], host: 'free', status: 200,
  },
  {
    what: 'a route to a Service that is not there', things: [on('nowhere', {}), route('nowhere', 'nowhere', [{ backendRefs: [to('nobody')] }])],
    conditions: FAILED_REFERENCE, said: ['HTTPRoute', 'nowhere', /rules\[0\]\.backendRefs\[0\]: there is no Service bad-policy\/nobody/], host: 'nowhere', status: 500,
  },
  {
    what: 'a route to a port that is not there', things: [on('portless', {}), route('portless', 'portless', [{ backendRefs: [{ name: 'web-v1', port: 81 }] }])],
    conditions: FAILED_REFERENCE, said: ['HTTPRoute', 'portless', /Service bad-policy\/web-v1 has no TCP port 81/], host: 'portless', status: 500,
  },
  {
    what: 'weights that sum to zero', things: [on('weightless', {}), route('weightless', 'weightless', [{ backendRefs: [to('web-v1', 0), to('web-v2', 0)] }])],
    conditions: FIELDS, said: ['HTTPRoute', 'weightless', /no weight is above zero, so every request fails/], host: 'weightless', status: 500,
  },
  {
    what: 'a match that an older route has', things: [on('twice', {}), route('older', 'twice', [{ matches: under('/a'), backendRefs: [to('web-v1')] }]), route('younger', 'twice', [{ matches: under('/a'), backendRefs: [to('nobody', 0), to('web-v2')] }])],
    conditions: ['Accepted True Accepted', 'ResolvedRefs False BackendNotFound', 'kubectl-mesh.io/Problems True FieldsNotUsed'],
    said: ['HTTPRoute', 'younger', /is also in HTTPRoute bad-policy\/older, which comes first/], host: 'twice', status: 200, path: '/a',
  },
  {
    what: 'failover that leads back', things: [on('there', { failover: 'back' }), on('back', { failover: 'there' })],
    said: ['Service', 'there', /failover leads back: bad-policy\/there:80 to bad-policy\/back:80 to bad-policy\/there:80/], host: 'there', status: 200,
  },
  {
    what: 'failover to a Service that is not there', things: [on('alone', { failover: 'nobody' })],
    said: ['Service', 'alone', /failover names Service bad-policy\/nobody, which does not exist/], host: 'alone', status: 200,
  },
  {
    what: 'a duration that is none, on a Service', things: [on('timed', { 'timeout-request': '200ms' }), on('timed', { 'timeout-request': 'whenever' })],
    refused: /metadata\.annotations\[kubectl-mesh\.io\/timeout-request\]: is "whenever" and has to be a duration/,
    said: ['Service', 'timed', /timeout-request is "whenever" and has to be a duration/], host: 'timed', status: 504, path: '/slow?ms=3000',
  },
  {
    what: 'a duration that is none, on a route',
    things: [on('tried', {}), ...['2s', 'two'].map((timeout) => route('tried', 'tried', [{ backendRefs: [to('web-v1')] }], { annotations: { 'kubectl-mesh.io/retry-http': '5xx', 'kubectl-mesh.io/retry-limit': '2', 'kubectl-mesh.io/retry-timeout': timeout } }))],
    refused: /metadata\.annotations\[kubectl-mesh\.io\/retry-timeout\]: is "two" and has to be a duration/, conditions: FIELDS,
    said: ['HTTPRoute', 'tried', /retry-timeout is "two" and has to be a duration/], host: 'tried', status: 200, path: '/fail/tried?times=2',
  },
  {
    what: 'an AuthorizationPolicy with a pattern that could take for ever',
    things: [policy({ action: 'Deny', to: [{ paths: [{ value: '/closed' }] }] }), policy({ action: 'Deny', to: [{ paths: [{ type: 'RegularExpression', value: '/(a{0,20}){0,20}' }] }] })],
    refused: /spec\.to\[0\]\.paths\[0\]\.value: .*can take for ever to match/, said: ['AuthorizationPolicy', 'doors', /the form before this one stays in force/], host: 'web-v1', status: 403, path: '/closed',
  },
];

/** A duration in a field of the Gateway API is the API server's business. */
const SCHEMA = route('schema', 'free', [{ backendRefs: [to('web-v1')], timeouts: { request: 'soon' } }]);

async function create(thing: Thing): Promise<{ code: number; stderr: string }> {
  return kube().kubectl(['apply', '-f', '-'], { input: JSON.stringify(thing) });
}

async function events(): Promise<{ message: string; type: string; involvedObject: { kind: string; name: string } }[]> {
  return (await kube().json<{ items: Awaited<ReturnType<typeof events>> }>('list events', ['get', 'events', '-n', NAMESPACE])).items;
}

const answer = async ({ host, path = '/' }: Row): Promise<number> => (await ask(host, { path }))[0]!.status;

describe('what cannot be followed', () => {
  before(async () => {
    await applyGatewayApi(kube(), exec, 'experimental');
    await apply(namespace(NAMESPACE), ...server('v1'), ...server('v2'));
    await waitReady(NAMESPACE, 'v1', 'v2');
    for (const { things, refused } of ROWS) await apply(...(refused ? things.slice(0, -1) : things));
    for (const row of ROWS) await waitFor(`the policy before "${row.what}" at the proxy`, async () => (await answer(row)) === row.status);
    // What is kept for a restart is written a second after a change.
    await waitFor('what is in force to be kept', async () => (await kube().must('read it', ['get', 'configmap', 'mesh-policy-settings', '-n', DEFAULT_CONTROL_NAMESPACE, '-o', 'jsonpath={.data.bad-policy}'])).includes('"timeout-request":"200ms"'));
  });
  after(() => dropNamespaces(NAMESPACE));

  it('is refused where it is wrong by itself, with the field', async () => {
    for (const { what, things, refused } of ROWS) {
      if (!refused) continue;
      const { code, stderr } = await create(things.at(-1)!);
      assert.notEqual(code, 0, what);
      assert.match(stderr.replaceAll(/\s+/g, ' '), refused, what);
    }
    const schema = await create(SCHEMA);
    assert.notEqual(schema.code, 0);
    assert.match(schema.stderr, /spec\.rules\[0\]\.timeouts\.request/);
  });

  it('is in the status and in an event, and leaves in force what was', async () => {
    await slipPast(NAMESPACE, ...ROWS.flatMap(({ things, refused }) => (refused ? [things.at(-1)!] : [])));
    for (const { what, things, conditions } of ROWS) {
      if (conditions) await waitFor(`the conditions of ${what}`, async () => (await conditionsOf(things.at(-1)!.metadata.name)).join() === conditions.join());
    }
    for (const { what, said: [kind, name, message] } of ROWS) {
      await waitFor(`the event of ${what}`, async () => (await events()).some((event) => event.type === 'Warning' && event.involvedObject.kind === kind && event.involvedObject.name === name && message.test(event.message)));
    }
    for (const row of ROWS) assert.equal(await answer(row), row.status, row.what);
  });

  it('stays so when the control plane restarts, and check names every object', async () => {
    await kube().must('restart the control plane', ['rollout', 'restart', `deploy/${CONTROL_WORKLOAD}`, '-n', DEFAULT_CONTROL_NAMESPACE]);
    await kube().must('see it restarted', ['rollout', 'status', `deploy/${CONTROL_WORKLOAD}`, '-n', DEFAULT_CONTROL_NAMESPACE, '--timeout=120s']);
    await awaitRollouts(kube());
    // A proxy that asks now gets what the new process makes of the stored objects alone.
    const fresh = 'timed-anew';
    await apply(on(fresh, {}));
    await waitFor('the new control plane', async () => (await ask(fresh, { path: '/' }))[0]!.status === 200);
    for (const row of ROWS) await waitFor(`the same as before with ${row.what}`, async () => (await answer(row)) === row.status);
    const { stdout } = await waitFor('check to have read it', async () => {
      const result = await kube().kubectl(['mesh', 'check', '-n', NAMESPACE]);
      return result.stdout.includes('policy') && result;
    });
    const text = stdout.replaceAll(/\s+/g, ' ');
    for (const { what, said: [kind, name, message] } of ROWS) {
      assert.ok(text.includes(`${kind} ${NAMESPACE}/${name}`), `${what}: ${stdout}`);
      assert.match(text, message, what);
    }
  });
});
