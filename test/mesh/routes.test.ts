/** HTTPRoutes and annotations, from the API server to the wire: what they say is what requests get. */
import assert from 'node:assert/strict';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseManifests } from '../../lib/kube/testing/fake-api-server.ts';
import { join, route, service, type Joined } from './joined.testkit.ts';

interface Answer { status: number; headers: http.IncomingHttpHeaders; body: string }
interface Backend { server: http.Server; port: number; seen: { url: string; host: string; headers: http.IncomingHttpHeaders }[] }

/** Answers with its name; 503 to the first N requests of /fail/N/anything; waits N ms at /slow/N. */
async function backend(name: string): Promise<Backend> {
  const one: Backend = { server: http.createServer(), port: 0, seen: [] };
  one.server.on('request', (req: http.IncomingMessage, res: http.ServerResponse) => {
    const earlier = one.seen.filter((request) => request.url === req.url).length;
    one.seen.push({ url: req.url!, host: req.headers.host!, headers: req.headers });
    const [, what, n] = req.url!.split('/');
    const answer = () => res.writeHead(what === 'fail' && earlier < Number(n) ? 503 : 200, { 'x-from': name }).end(name);
    if (what === 'slow') setTimeout(answer, Number(n));
    else answer();
  });
  await new Promise<void>((resolve) => { one.server.listen(0, '127.0.0.1', resolve); });
  one.port = (one.server.address() as AddressInfo).port;
  return one;
}

describe('routes, from the API server to the wire', () => {
  const backends: Record<string, Backend> = {};
  let joined: Joined;

  before(async () => {
    for (const name of ['v1', 'v2']) backends[name] = await backend(name);
    const { v1, v2 } = backends as { v1: Backend; v2: Backend };
    joined = await join(
      service('v1', '10.96.1.1', v1.port), service('v2', '10.96.1.2', v2.port),
      service('match', '10.96.0.1', v1.port), service('weights', '10.96.0.2', v1.port), service('change', '10.96.0.3', v1.port), service('policy', '10.96.0.4', v1.port),
      service('broken', '10.96.0.8', v1.port), route('HTTPRoute', 'broken', '[{filters: [{type: ExtensionRef, extensionRef: {group: kubectl-mesh.io, kind: HTTPFault, name: teapot}}]}]'),
      service('sticky', '10.96.0.7', v1.port, { annotations: { 'kubectl-mesh.io/session-affinity': 'cookie:sid' } }), service('sticky', '10.96.0.7', v2.port, { slice: 'sticky-2' }).split('\n---')[1]!,
      service('annotated', '10.96.0.5', v1.port, { annotations: { 'kubectl-mesh.io/fault-abort': '418' } }),
      service('methods', '10.96.0.9', v1.port, { annotations: { 'kubectl-mesh.io/retry-http': '5xx', 'kubectl-mesh.io/retry-methods': 'GET,HEAD' } }), service('failing', '10.96.0.6', 1, { annotations: { 'kubectl-mesh.io/failover': 'v2' } }),
      route('HTTPRoute', 'match', `
  - backendRefs: [{name: v1, port: 80}]
  - matches: [{headers: [{name: X-Version, value: two}]}, {queryParams: [{name: v, value: "2"}]}, {method: DELETE}, {path: {type: Exact, value: /two}}]
    backendRefs: [{name: v2, port: 80}]`),
      route('HTTPRoute', 'weights', '[{backendRefs: [{name: v1, port: 80, weight: 2}, {name: v2, port: 80, weight: 1}, {name: gone, port: 80, weight: 1}]}]'),
      route('HTTPRoute', 'change', `
  - matches: [{path: {value: /old}}]
    filters: [{type: RequestRedirect, requestRedirect: {scheme: https, hostname: new.example.com, statusCode: 301, path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}}}]
  - matches: [{path: {value: /here}}]
    filters: [{type: URLRewrite, urlRewrite: {hostname: there.example.com, path: {type: ReplacePrefixMatch, replacePrefixMatch: /there}}}]
    backendRefs: [{name: v1, port: 80}]
  - matches: [{path: {value: /headers}}]
    filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: X-Set, value: new}]}}, {type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: X-From, value: changed}]}}]
    backendRefs: [{name: v2, port: 80, filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: X-Backend, value: v2}]}}]}]`),
      route('HTTPRoute', 'policy', `
  - matches: [{path: {value: /mirror}}]
    filters: [{type: RequestMirror, requestMirror: {backendRef: {name: v2, port: 80}}}]
    backendRefs: [{name: v1, port: 80}]
  - matches: [{path: {value: /fail}}]
    retry: {codes: [503], attempts: 3, backoff: 1ms}
    backendRefs: [{name: v1, port: 80}]
  - matches: [{path: {value: /slow}}]
    timeouts: {request: 100ms}
    backendRefs: [{name: v1, port: 80}]`),
    );
  });
  after(async () => {
    await joined.close();
    for (const { server: one } of Object.values(backends)) {
      one.closeAllConnections();
      await new Promise((resolve) => { one.close(resolve); });
    }
  });

  /** A client of one service: its connections are meant for that address. */
  async function client(ip: string): Promise<(path: string, options?: { method?: string; headers?: Record<string, string> }) => Promise<Answer>> {
    const proxy = await joined.client(ip);
    return (path, options = {}) => new Promise((resolve, reject) => {
      http.get({ host: '127.0.0.1', port: proxy.outboundPort, path, agent: false, ...options, headers: { host: 'service.shop', ...options.headers } }, (res) => {
        let body = '';
        res.setEncoding('utf8').on('data', (text: string) => { body += text; }).on('end', () => resolve({ status: res.statusCode!, headers: res.headers, body }));
      }).on('error', reject);
    });
  }

  it('go by matches', async () => {
    const send = await client('10.96.0.1');
    const answers = [await send('/'), await send('/', { headers: { 'x-version': 'two' } }), await send('/?v=2'), await send('/?v=3'), await send('/', { method: 'DELETE' }), await send('/two'), await send('/two/more')];
    assert.deepEqual(answers.map(({ body }) => body), ['v1', 'v2', 'v2', 'v1', 'v2', 'v2', 'v1']);
  });

  it('spread by weight, the share of what is not there failing, until it is there', async () => {
    const send = await client('10.96.0.2');
    const answers = await Promise.all(Array.from({ length: 400 }, () => send('/')));
    const count = (wanted: string) => answers.filter(({ status, body }) => (status === 200 ? body : String(status)) === wanted).length;
    const counts = ['v1', 'v2', '500'].map(count);
    assert.equal(counts[0]! + counts[1]! + counts[2]!, 400);
    // Six standard deviations of a binomial distribution.
    for (const [i, share] of [0.5, 0.25, 0.25].entries()) assert.ok(Math.abs(counts[i]! - 400 * share) < 6 * Math.sqrt(400 * share * (1 - share)), counts.join());
    joined.api.apply(service('gone', '10.96.1.3', backends['v2']!.port));
    for (let good = 0; good < 60;) good = (await send('/')).status === 200 ? good + 1 : 0;
  });

  it('redirect, rewrite and change headers; without a match it is 404', async () => {
    const send = await client('10.96.0.3');
    const [old, missing] = [await send('/old/page?q=1'), await send('/none')];
    assert.deepEqual([old.status, old.headers.location, missing.status], [301, 'https://new.example.com/new/page?q=1', 404]);
    await send('/here/page?q=1');
    const rewritten = backends['v1']!.seen.at(-1)!;
    assert.deepEqual([rewritten.url, rewritten.host], ['/there/page?q=1', 'there.example.com']);
    const changed = await send('/headers', { headers: { 'x-set': 'old' } });
    const got = backends['v2']!.seen.at(-1)!.headers;
    assert.deepEqual([changed.body, changed.headers['x-from'], got['x-set'], got['x-backend']], ['v2', 'changed', 'new', 'v2']);
  });

  it('mirror, retry and bound', async () => {
    const send = await client('10.96.0.4');
    assert.equal((await send('/mirror/once')).body, 'v1');
    while (!backends['v2']!.seen.some(({ url }) => url === '/mirror/once')) await new Promise((resolve) => { setTimeout(resolve, 5); });
    assert.deepEqual([(await send('/fail/2/a')).status, (await send('/fail/9/b')).status, (await send('/slow/5000')).status, (await send('/slow/0')).status], [200, 503, 504, 200]);
    const tries = (url: string) => backends['v1']!.seen.filter((request) => request.url === url).length;
    assert.deepEqual([tries('/fail/2/a'), tries('/fail/9/b')], [3, 4]);
  });

  it('and annotations: faults while they are there, failover while nobody answers', async () => {
    const [annotated, failing] = [await client('10.96.0.5'), await client('10.96.0.6')];
    assert.equal((await annotated('/')).status, 418);
    const [bare] = parseManifests(service('annotated', '10.96.0.5', backends['v1']!.port));
    joined.api.apply(bare!);
    while ((await annotated('/')).status !== 200) await new Promise((resolve) => { setTimeout(resolve, 5); });
    const [, slice] = parseManifests(service('failing', '10.96.0.6', backends['v1']!.port));
    joined.api.apply({ ...slice!, endpoints: [] } as never);
    while ((await failing('/')).body !== 'v2') await new Promise((resolve) => { setTimeout(resolve, 5); });
    joined.api.apply(slice!);
    while ((await failing('/')).body !== 'v1') await new Promise((resolve) => { setTimeout(resolve, 5); });
  });

  it('and annotations: retries of some methods alone', async () => {
    const send = await client('10.96.0.9');
    assert.deepEqual([(await send('/fail/1/get')).status, (await send('/fail/1/delete', { method: 'DELETE' })).status], [200, 503]);
  });

  it('keep who has the cookie at one endpoint', async () => {
    const send = await client('10.96.0.7');
    const firsts = await Promise.all(Array.from({ length: 40 }, () => send('/')));
    assert.deepEqual([...new Set(firsts.map(({ body }) => body))].sort(), ['v1', 'v2']);
    for (const first of firsts) {
      const [cookie = ''] = first.headers['set-cookie'] ?? [];
      assert.match(cookie, /^sid=[^;]+; Path=\//);
      const again = await send('/', { headers: { cookie: cookie.split(';')[0]! } });
      assert.deepEqual([again.body, again.headers['set-cookie']], [first.body, undefined]);
    }
  });

  it('inject faults that they refer to, and fail while there is none of that name', async () => {
    const send = await client('10.96.0.8');
    const test = { headers: { 'x-test': 'yes' } };
    assert.equal((await send('/')).status, 500);
    const fault = (until: string) => joined.api.apply({
      apiVersion: 'kubectl-mesh.io/v1alpha1', kind: 'HTTPFault', metadata: { name: 'teapot', namespace: 'shop' },
      spec: { abort: { httpStatus: 418 }, matches: [{ headers: [{ name: 'X-Test', value: 'yes' }] }], until },
    } as never);
    fault('2100-01-01T00:00:00Z');
    while ((await send('/')).status !== 200) await new Promise((resolve) => { setTimeout(resolve, 5); });
    assert.deepEqual([(await send('/', test)).status, (await send('/')).status], [418, 200]);
    fault('2001-01-01T00:00:00Z');
    while ((await send('/', test)).status !== 200) await new Promise((resolve) => { setTimeout(resolve, 5); });
  });
});
