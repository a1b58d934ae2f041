import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { createKubeClient } from './client.ts';
import { inCluster, plain } from './connection.ts';
import { connectKube } from './connect.ts';
import { isAlreadyExists, isConflict, isNotFound, KubeError } from './error.ts';
import { apiVersionOf, pathOf, RESOURCES } from './resources.ts';
import { fakeApiServer } from './testing/fake-api-server.ts';
import type { FakeApiServer } from './testing/fake-api-server.ts';

const { configmaps, namespaces, deployments, pods } = RESOURCES;
const failure = async (promise: Promise<unknown>): Promise<KubeError> => {
  const error: unknown = await promise.then(() => assert.fail('it should have failed'), (e: unknown) => e);
  assert.ok(error instanceof KubeError, String(error));
  return error;
};

describe('kube client', () => {
  let api: FakeApiServer;
  beforeEach(async () => { api = await fakeApiServer(); });
  afterEach(() => api.close());

  it('builds paths', () => {
    assert.equal(pathOf(pods, 'web', 'a b', 'log'), '/api/v1/namespaces/web/pods/a%20b/log');
    assert.equal(pathOf(deployments), '/apis/apps/v1/deployments');
    assert.equal(pathOf(namespaces, 'ignored', 'x'), '/api/v1/namespaces/x');
    assert.equal(apiVersionOf(deployments), 'apps/v1');
  });

  it('creates, reads, applies, replaces and deletes', async () => {
    const client = api.client();
    const made = await client.create(configmaps, { metadata: { name: 'a', namespace: 'web' }, data: { k: '1' } });
    assert.equal(made.metadata.uid, 'uid-1001');
    const applied = await client.apply(configmaps, { metadata: { name: 'a', namespace: 'web' }, data: { l: '2' } }, { force: true });
    assert.deepEqual(applied.data, { k: '1', l: '2' });
    assert.match(api.requests.at(-1)!, /fieldManager=test&force=true$/);
    const merged = await client.patch(configmaps, 'a', 'web', { type: 'merge', body: { data: { k: null } } });
    assert.deepEqual(merged.data, { l: '2' });
    assert.ok(isConflict(await failure(client.replace(configmaps, made))));
    assert.deepEqual((await client.get(configmaps, 'a', 'web')).data, { l: '2' });
    assert.ok(isAlreadyExists(await failure(client.create(configmaps, { metadata: { name: 'a', namespace: 'web' } }))));
    await client.delete(configmaps, 'a', 'web', { propagationPolicy: 'Background' });
    const gone = await failure(client.get(configmaps, 'a', 'web'));
    assert.ok(isNotFound(gone));
    assert.equal(gone.message, 'get configmaps web/a: configmaps "a" not found');
  });

  it('gathers pages', async () => {
    for (let i = 0; i < 1203; i++) api.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `c${i}`, namespace: i % 2 ? 'odd' : 'even' } });
    const client = api.client();
    assert.equal((await client.list(configmaps)).length, 1203);
    assert.equal(api.requests.length, 3);
    assert.equal((await client.list(configmaps, { namespace: 'odd' })).length, 601);
    assert.equal((await client.list(configmaps, { fieldSelector: 'metadata.name=c7' })).length, 1);
  });

  it('keeps one connection for calls one after another', async () => {
    let connections = 0;
    const server = http.createServer((_, response) => response.end('{"metadata":{},"items":[]}'));
    server.on('connection', () => connections++);
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    const client = createKubeClient({ connection: plain(`http://127.0.0.1:${(server.address() as AddressInfo).port}`), name: 't' });
    for (let i = 0; i < 5; i++) await client.list(pods);
    assert.equal(connections, 1);
    client.close();
    await new Promise((resolve) => { server.close(resolve); });
  });

  it('sends again when the server had closed the kept connection', async () => {
    let calls = 0;
    const server = http.createServer({ keepAliveTimeout: 0 }, (request, response) => {
      if (++calls === 2) return void request.socket.destroy();
      response.end('{"metadata":{"name":"x"}}');
    });
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    const client = createKubeClient({ connection: plain(`http://127.0.0.1:${(server.address() as AddressInfo).port}`), name: 't' });
    await client.get(namespaces, 'x');
    await client.get(namespaces, 'x');
    assert.equal(calls, 3);
    client.close();
    await new Promise((resolve) => { server.close(resolve); });
  });

  it('says what failed, with the reason and the wait that the server gives', async () => {
    const server = http.createServer((request, response) => {
      if (request.url === '/api/v1/nodes/html') return void response.writeHead(502).end('<html>bad gateway</html>');
      if (request.url === '/api/v1/nodes/text') return void response.end('hello');
      response.writeHead(429, { 'retry-after': '3' }).end(JSON.stringify({ kind: 'Status', message: 'too many', reason: 'TooManyRequests' }));
    });
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    const client = createKubeClient({ connection: plain(`http://127.0.0.1:${(server.address() as AddressInfo).port}`), name: 't' });
    const html = await failure(client.get(RESOURCES.nodes, 'html'));
    assert.equal(html.message, 'get nodes html: <html>bad gateway</html>');
    assert.equal(html.status, 502);
    const busy = await failure(client.get(RESOURCES.nodes, 'x'));
    assert.equal(busy.reason, 'TooManyRequests');
    assert.equal(busy.retryAfterMs, 3000);
    assert.match((await failure(client.get(RESOURCES.nodes, 'text'))).message, /is this address a Kubernetes API server\?/);
    client.close();
    await new Promise((resolve) => { server.close(resolve); });
  });

  it('tells unreachable, slow and cancelled apart', async () => {
    const server = http.createServer(() => undefined);
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    const client = createKubeClient({ connection: plain(`http://127.0.0.1:${(server.address() as AddressInfo).port}`), name: 't' });
    const slow = await failure(client.raw({ path: '/readyz', timeoutMs: 30 }));
    assert.equal(slow.reason, 'Timeout');
    const cancel = new AbortController();
    const pending = failure(client.raw({ path: '/readyz', signal: cancel.signal }));
    cancel.abort();
    assert.equal((await pending).reason, 'Aborted');
    server.closeAllConnections();
    await new Promise((resolve) => { server.close(resolve); });
    const refused = await failure(client.raw({ path: '/readyz' }));
    assert.equal(refused.reason, 'Unreachable');
    assert.match(refused.message, /cannot reach the API server at 127\.0\.0\.1:\d+: /);
    client.close();
  });
});

describe('kube connections', () => {
  let directory: string;
  beforeEach(async () => { directory = await mkdtemp(join(tmpdir(), 'kube-')); });
  afterEach(() => rm(directory, { recursive: true }));

  it('reads a pod\'s token again after a minute and after a refusal', async () => {
    await writeFile(join(directory, 'ca.crt'), '');
    await writeFile(join(directory, 'namespace'), 'web\n');
    await writeFile(join(directory, 'token'), 'one\n');
    let now = 0;
    const connection = inCluster({ host: 'fd00::1', port: '443', now: () => now, directory });
    const token = async (fresh = false) => (await connection.authorize(fresh)).headers['authorization'];
    assert.equal(connection.server.href, 'https://[fd00::1]/');
    assert.equal(connection.namespace, 'web');
    assert.equal(await token(), 'Bearer one');
    await writeFile(join(directory, 'token'), 'two');
    assert.equal(await token(), 'Bearer one');
    now = 60_000;
    assert.equal(await token(), 'Bearer two');
    await writeFile(join(directory, 'token'), 'three');
    assert.equal(await token(true), 'Bearer three');
    connection.close();
  });

  it('says what is missing in a pod without credentials', () => {
    assert.throws(() => inCluster({ host: 'h', port: '1', now: () => 0, directory }), /automountServiceAccountToken: true/);
  });

  it('reads a kubeconfig, and names the contexts when the wanted one is missing', async () => {
    const api = await fakeApiServer({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'web' } });
    const path = join(directory, 'config');
    await writeFile(path, JSON.stringify({
      apiVersion: 'v1', kind: 'Config', 'current-context': 'a',
      clusters: [{ name: 'c', cluster: { server: api.url } }],
      users: [{ name: 'u', user: { token: 'secret' } }],
      contexts: [{ name: 'a', context: { cluster: 'c', user: 'u', namespace: 'shop' } }],
    }));
    const connection = await connectKube({ KUBERNETES_SERVICE_HOST: '1.2.3.4' }, () => 0, { path });
    assert.equal(connection.namespace, 'shop');
    assert.deepEqual((await connection.authorize(false)).headers, { authorization: 'Bearer secret' });
    const client = createKubeClient({ connection, name: 't' });
    assert.equal((await client.get(namespaces, 'web')).metadata.name, 'web');
    client.close();
    await assert.rejects(connectKube({}, () => 0, { path, context: 'b' }), /no usable context "b"; it has: a\. Choose one/);
    await assert.rejects(connectKube({}, () => 0, { path: join(directory, 'none') }), /cannot read .*none/);
    await api.close();
  });

  it('does not repeat what a broken kubeconfig holds: it may be a key', async () => {
    const path = join(directory, 'config');
    await writeFile(path, 'apiVersion: v1\nusers:\n- user:\n    client-key-data: SECRET\n      bad indent: x\n');
    const error = await failure(connectKube({}, () => 0, { path }));
    assert.match(error.message, /^cannot read .*config: .+ in line 5$/);
    assert.doesNotMatch(inspect(error), /SECRET/);
  });
});
