import assert from 'node:assert/strict';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { issueServing } from '../../lib/serving/issue.ts';
import { testMesh } from '../serve/testing/mesh.ts';
import { type FrontProxy, readFrontProxy, userOf } from './front-proxy.ts';
import { type ApiGroup, type ApiRequest, parseTarget, wantsTable } from './group.ts';
import { type ApiServer, createApiServer } from './server.ts';
import { badRequest } from './status.ts';

const PEM = '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n';
const CONFIG = {
  'requestheader-client-ca-file': PEM,
  'requestheader-allowed-names': '["front-proxy-client"]',
  'requestheader-username-headers': '["X-Remote-User"]',
  'requestheader-group-headers': '["X-Remote-Group"]',
  'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
};

describe('front proxy', () => {
  const read = (data: Record<string, string>): FrontProxy | null => readFrontProxy({ metadata: { name: 'x' }, data });

  it('is believed for the user, groups and extra fields that it names', () => {
    const proxy = read(CONFIG)!;
    const headers = { 'x-remote-user': ['ann'], 'x-remote-group': ['dev', 'ops'], 'x-remote-extra-scopes.example.com%2Fa': ['1', '2'], 'x-other': ['x'] };
    assert.deepEqual(userOf(proxy, 'front-proxy-client', headers), {
      name: 'ann', groups: ['dev', 'ops', 'system:authenticated'], extra: { 'scopes.example.com/a': ['1', '2'] }, uid: undefined,
    });
    assert.equal(userOf(proxy, 'somebody', headers), null);
    assert.equal(userOf(proxy, 'front-proxy-client', {}), null);
    assert.deepEqual(userOf(read({ ...CONFIG, 'requestheader-allowed-names': '[]' })!, 'anybody', headers)?.name, 'ann');
    assert.deepEqual(userOf(proxy, 'front-proxy-client', { 'x-remote-user': ['system:anonymous'], 'x-remote-group': ['system:unauthenticated'] })?.groups, ['system:unauthenticated']);
  });

  it('is nobody where the API server has none', () => {
    assert.equal(read({}), null);
    assert.equal(read({ ...CONFIG, 'requestheader-username-headers': 'not json' }), null);
  });
});

describe('paths and headers of an aggregated API', () => {
  it('targets', () => {
    const target = (path: string, query = ''): string => {
      const t = parseTarget(path, new URLSearchParams(query));
      return [t.verb, t.namespace, t.resource, t.name, t.subresource].map((v) => v ?? '-').join(' ');
    };
    assert.equal(target('trafficmetrics'), 'list - trafficmetrics - -');
    assert.equal(target('namespaces/shop/trafficmetrics'), 'list shop trafficmetrics - -');
    assert.equal(target('namespaces/shop/trafficmetrics/we%62'), 'get shop trafficmetrics web -');
    assert.equal(target('namespaces/shop/trafficmetrics', 'watch=1'), 'watch shop trafficmetrics - -');
    assert.equal(target('watch/namespaces/shop/deployments/web/tap'), 'watch shop deployments web tap');
    assert.equal(target('watch/namespaces/shop/namespaces/shop/tap'), 'watch shop namespaces shop tap');
    for (const bad of ['', 'a/b/c/d', 'namespaces/x/', 'a//b', '%zz']) assert.throws(() => target(bad), /could not find/, bad);
  });

  it('a Table is asked for by the first acceptable type', () => {
    assert.equal(wantsTable('application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json'), true);
    for (const accept of [undefined, '*/*', 'application/json', 'application/json,application/json;as=Table;v=v1;g=meta.k8s.io', 'application/json;as=Table;v=v1beta1;g=meta.k8s.io']) {
      assert.equal(wantsTable(accept), false, accept);
    }
  });
});

describe('aggregated API server', () => {
  let server: ApiServer;
  let port: number;
  let serving: { cert: string; key: string; ca: string };
  let mesh: Awaited<ReturnType<typeof testMesh>>;
  let clientKey: string;
  let clientCert: string;
  let strangerKey: string;
  let strangerCert: string;
  let reviews: { spec: Record<string, unknown> }[] = [];
  let allowed = true;
  const errors: unknown[] = [];
  const seen: ApiRequest[] = [];

  const group: ApiGroup = {
    group: 'things.example', version: 'v1', schemas: { Thing: { type: 'object' } },
    resources: [
      { name: 'things', singularName: 'thing', kind: 'Thing', namespaced: true, verbs: ['get', 'list'], shortNames: ['th'] },
      { name: 'others/tap', singularName: 'other', kind: 'Tap', namespaced: true, verbs: ['watch'] },
    ],
    handle(request) {
      seen.push(request);
      if (request.name === 'bad') throw badRequest('no such thing');
      if (request.name === 'broken') throw new Error('boom');
      return Promise.resolve({ hello: request.user.name });
    },
  };

  before(async () => {
    serving = await issueServing(['mesh-api.mesh-system.svc'], Date.now(), 86_400_000);
    mesh = await testMesh();
    const issue = async (m: typeof mesh, name: string): Promise<{ key: string; cert: string }> => {
      const { keyPem: key, chain: cert } = await m.credentials(name);
      return { key, cert };
    };
    ({ key: clientKey, cert: clientCert } = await issue(mesh, 'front-proxy-client'));
    ({ key: strangerKey, cert: strangerCert } = await issue(await testMesh(), 'front-proxy-client'));
    const frontProxy: FrontProxy = { ...readFrontProxy({ metadata: { name: 'x' }, data: CONFIG })!, ca: mesh.root.certificate, allowedNames: [] };
    server = createApiServer({
      tls: serving, groups: () => [group], frontProxy: () => frontProxy, failed: (e) => errors.push(e),
      kube: {
        json: <T>({ body }: { body?: unknown }): Promise<T> => {
          reviews.push(body as { spec: Record<string, unknown> });
          return Promise.resolve({ status: { allowed } } as T);
        },
      },
    });
    await server.app.listen({ host: '127.0.0.1', port: 0 });
    ({ port } = server.app.server.address() as AddressInfo);
  });
  after(() => server.app.close());
  beforeEach(() => {
    reviews = [];
    allowed = true;
  });

  interface Answer { status: number; type: string; body: Record<string, unknown> }
  function get(path: string, headers: Record<string, string> = {}, client: object = { key: clientKey, cert: clientCert }): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const out = request({
        host: '127.0.0.1', port, path, ca: serving.ca, servername: 'mesh-api.mesh-system.svc', agent: false, ...client,
        headers: { 'x-remote-user': 'ann', 'x-remote-group': 'dev', ...headers },
      }, (res) => {
        let text = '';
        res.setEncoding('utf8').on('data', (d: string) => { text += d; }).on('end', () => {
          resolve({ status: res.statusCode!, type: String(res.headers['content-type']), body: text.startsWith('{') ? JSON.parse(text) as Record<string, unknown> : { text } });
        });
      });
      out.on('error', reject).end();
    });
  }

  it('asks whether the user may, and hands the request on', async () => {
    const { status, body } = await get('/apis/things.example/v1/namespaces/shop/things?a=b', { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' });
    assert.deepEqual([status, body], [200, { hello: 'ann' }]);
    assert.deepEqual(reviews[0]!.spec, {
      user: 'ann', groups: ['dev', 'system:authenticated'], extra: {},
      resourceAttributes: { verb: 'list', group: 'things.example', version: 'v1', resource: 'things', namespace: 'shop' },
    });
    const last = seen.at(-1)!;
    assert.deepEqual([last.namespace, last.name, last.table, last.query.get('a')], ['shop', undefined, true, 'b']);
  });

  it('refuses whom the API server refuses', async () => {
    allowed = false;
    const { status, body } = await get('/apis/things.example/v1/things');
    assert.equal(status, 403);
    assert.match(String(body['message']), /User "ann" cannot list resource "things" in API group "things.example" at the cluster scope/);
  });

  it('believes nobody but the front proxy', async () => {
    for (const client of [{}, { key: strangerKey, cert: strangerCert }]) {
      for (const path of ['/apis', '/apis/things.example/v1', '/apis/things.example/v1/things', '/openapi/v2', '/openapi/v3']) {
        assert.equal((await get(path, {}, client)).status, 401, path);
      }
    }
    assert.equal((await get('/apis', { 'x-remote-user': '' })).status, 401);
    assert.equal(reviews.length, 0);
    assert.equal((await get('/livez', {}, {})).status, 200);
  });

  it('stops believing an authority that was taken away', async () => {
    server.renew(serving, { ...readFrontProxy({ metadata: { name: 'x' }, data: CONFIG })!, ca: (await testMesh()).root.certificate, allowedNames: [] });
    assert.equal((await get('/apis')).status, 401);
    server.renew(serving, { ...readFrontProxy({ metadata: { name: 'x' }, data: CONFIG })!, ca: mesh.root.certificate, allowedNames: [] });
    assert.equal((await get('/apis')).status, 200);
  });

  it('words failures as Kubernetes does, and keeps what it did not mean to itself', async () => {
    const statusOf = async (path: string): Promise<unknown[]> => {
      const { status, body } = await get(path);
      assert.equal(body['kind'], 'Status');
      return [status, body['reason']];
    };
    const root = '/apis/things.example/v1';
    assert.deepEqual(await statusOf(`${root}/namespaces/shop/things/bad`), [400, 'BadRequest']);
    assert.deepEqual(await statusOf(`${root}/namespaces/shop/things/broken`), [500, 'InternalError']);
    assert.equal((errors.at(-1) as Error).message, 'boom');
    assert.deepEqual(await statusOf(`${root}/things?watch=true`), [405, 'MethodNotAllowed']);
    assert.deepEqual(await statusOf(`${root}/nothing`), [404, 'NotFound']);
    assert.deepEqual(await statusOf('/apis/other.example/v1/things'), [404, 'NotFound']);
    assert.deepEqual(await statusOf('/elsewhere'), [404, 'NotFound']);
  });

  it('tells what it serves, in the old way and in one document', async () => {
    assert.deepEqual((await get('/apis/things.example/v1')).body['resources'], group.resources);
    assert.equal(((await get('/apis')).body['groups'] as { name: string }[])[0]!.name, 'things.example');
    assert.deepEqual((await get('/apis/things.example')).body['preferredVersion'], { groupVersion: 'things.example/v1', version: 'v1' });
    const asked = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
    const all = await get('/apis', { accept: `${asked},application/json` });
    assert.equal(all.type.replaceAll(/[ "]/g, '').replace(';charset=utf-8', ''), asked);
    const [item] = all.body['items'] as { versions: { resources: { resource: string; subresources?: unknown[]; responseKind?: unknown }[] }[] }[];
    const [things, others] = item!.versions[0]!.resources;
    assert.deepEqual([things!.resource, things!.responseKind], ['things', { group: 'things.example', version: 'v1', kind: 'Thing' }]);
    assert.deepEqual([others!.resource, others!.responseKind, others!.subresources?.length], ['others', undefined, 1]);
  });

  it('describes itself in OpenAPI', async () => {
    assert.equal((await get('/openapi/v2')).body['swagger'], '2.0');
    const paths = (await get('/openapi/v3')).body['paths'] as Record<string, { serverRelativeURL: string }>;
    const { body } = await get(paths['apis/things.example/v1']!.serverRelativeURL);
    assert.ok(Object.keys(body['paths'] as object).includes('/apis/things.example/v1/namespaces/{namespace}/things/{name}'));
    assert.deepEqual(Object.keys((body['components'] as { schemas: object }).schemas), ['example.things.v1.Thing']);
  });
});
