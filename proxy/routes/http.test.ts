import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import type { Init } from '../../lib/grpc/wire.ts';
import type { HttpRoute_Filter, OutboundPolicy } from '../../api/gen/outbound_pb.js';
import { backend, duration, headers, httpPolicy, match, meta, route, split, to } from '../testing/policies.ts';
import { World } from './world.testkit.ts';

describe('routes of HTTP, through the proxy', function () {
  let world: World;
  let policy: Init<OutboundPolicy>;

  async function start(p: Init<OutboundPolicy>, ...names: string[]): Promise<void> {
    policy = p;
    world = new World();
    await world.start(() => policy, ...names);
  }
  /** One rule for everything, with these filters. */
  const filtered = (...filters: Init<HttpRoute_Filter>[]): Init<OutboundPolicy> => httpPolicy(route('r', [{ matches: [match('prefix', '/a')], filters, backends: to(backend('blue')) }]));
  const update = async (p: Init<OutboundPolicy>): Promise<void> => {
    policy = p;
    await world.changed();
  };
  afterEach(async () => { await world.stop(); });

  it('go by the most specific match of all routes, and are 404 without one', async () => {
    await start(httpPolicy(
      route('one', [
        { matches: [match('prefix', '/')], backends: to(backend('blue')) },
        { matches: [match('exact', '/a/b')], backends: to(backend('green')) },
        { matches: [match('prefix', '/', { headers: [{ name: 'X-Env', value: { case: 'exact', value: Buffer.from('canary') } }] })], backends: to(backend('red')) },
      ]),
      route('two', [{ matches: [match('prefix', '/a')], backends: to(backend('red')) }], [{ match: { case: 'exact', value: 'other.test' } }]),
    ), 'blue', 'green', 'red');
    assert.equal((await world.get('/')).body, 'blue');
    assert.equal((await world.get('/a/b?x')).body, 'green');
    assert.equal((await world.get('/', { headers: { 'x-env': 'canary' } })).body, 'red');
    assert.equal((await world.get('/a/b', { headers: { host: 'other.test:80' } })).body, 'red');
    await update(httpPolicy(route('one', [{ matches: [match('exact', '/only')], backends: to(backend('blue')) }])));
    const none = await world.get('/');
    assert.equal(none.status, 404);
    assert.equal(none.headers['l5d-proxy-error'], 'no route takes the request');
    assert.equal((await world.get('/big', { method: 'POST' }, 'x'.repeat(600_000))).status, 404);
    assert.match(await world.metrics(), /outbound_http_errors_total\{error="no route"\} 2/);
  });

  it('split by weight, leave out who has no endpoint, and come back to it', async () => {
    await start(httpPolicy(route('r', [{ backends: split([backend('blue'), 1], [backend('green'), 3], [backend('red'), 0]) }])), 'blue', 'green', 'red');
    const counts = await world.count(200);
    assert.ok(counts['green']! > 110 && counts['blue']! > 20 && counts['red'] === undefined, JSON.stringify(counts));
    world.gone('green');
    await world.changed();
    assert.deepEqual(await world.count(20), { blue: 20 });
    world.back('green');
    await world.changed();
    assert.ok((await world.count(40))['green']! > 10);
  });

  it('split by weight, where another takes the share of one that has no endpoint', async () => {
    await start(httpPolicy(route('r', [{ backends: split([backend('blue'), 1, [], [backend('red'), backend('spare')]], [backend('green'), 1]) }])), 'blue', 'green', 'red', 'spare');
    const both = async (other: string) => {
      const counts = await world.count(60);
      assert.deepEqual(Object.keys(counts).sort(), [other, 'green'].sort());
      assert.ok(counts['green']! > 10 && counts[other]! > 10, JSON.stringify(counts));
    };
    await both('blue');
    world.gone('blue');
    await world.changed();
    await both('red');
    world.gone('red');
    await world.changed();
    await both('spare');
    world.gone('spare');
    await world.changed();
    assert.deepEqual(await world.count(10), { green: 10 });
    world.back('blue');
    await world.changed();
    await both('blue');
  });

  it('fail over in order, and back', async () => {
    await start(httpPolicy(route('r', [{ backends: to(backend('blue'), backend('green')) }])), 'blue', 'green');
    assert.deepEqual(await world.count(5), { blue: 5 });
    world.gone('blue');
    await world.changed();
    assert.deepEqual(await world.count(5), { green: 5 });
    world.back('blue');
    await world.changed();
    assert.deepEqual(await world.count(5), { blue: 5 });
  });

  it('take a request on that finds out that nobody is there', async () => {
    await start(httpPolicy(route('r', [{ backends: to(backend('dead'), backend('green')) }])), 'green');
    world.control.services.set('dead', { endpoints: [1, 2, 3].map((port) => ({ ip: '127.0.0.1', port })) });
    for (let i = 0; i < 3; i++) assert.equal((await world.get('/', { method: 'POST' }, 'body')).body, 'green');
    assert.equal(world.seen.get('green')![0]!.body, 'body');
  });

  it('are 500 without a valid backend', async () => {
    await start(httpPolicy(route('r', [
      { matches: [match('exact', '/empty')], backends: { kind: { case: 'empty', value: {} } } },
      { matches: [match('exact', '/zero')], backends: split([backend('blue'), 0]) },
      { matches: [match('exact', '/unset')] },
      { matches: [match('exact', '/invalid')], backends: split([{ metadata: meta('Service', 'missing') }, 1]) },
      { backends: to(backend('blue')) },
    ])), 'blue');
    for (const path of ['/empty', '/zero', '/unset', '/invalid']) assert.equal((await world.get(path)).status, 500, path);
    assert.equal((await world.get('/')).status, 200);
    const fail: Init<HttpRoute_Filter> = { kind: { case: 'failureInjector', value: { status: 500, message: 'Service gone does not exist' } } };
    await update(httpPolicy(route('r', [{ backends: split([backend('blue'), 1], [backend('gone'), 1, [fail]]) }])));
    const counts = await world.count(60);
    assert.ok(counts['500']! > 15 && counts['blue']! > 15, JSON.stringify(counts));
    await update(httpPolicy(route('r', [{ backends: split([{ metadata: meta('Service', 'missing') }, 1]) }])));
    assert.match((await world.get('/invalid')).headers['l5d-proxy-error'] as string, /backend missing of the route is not valid/);
  });

  it('change headers on the way there and back, for the rule and for a backend', async () => {
    const request: Init<HttpRoute_Filter> = { kind: { case: 'requestHeaderModifier', value: { add: headers({ 'x-add': 'a' }), set: headers({ 'x-set': 's', host: 'set.test' }), remove: ['X-Gone'] } } };
    const response: Init<HttpRoute_Filter> = { kind: { case: 'responseHeaderModifier', value: { add: headers({ 'x-by': 'mesh' }), set: headers({ 'x-server': 'hidden' }), remove: ['x-secret'] } } };
    await start(httpPolicy(route('r', [{ filters: [request], backends: split([backend('blue'), 1, [response]]) }])), 'blue');
    for (let i = 0; i < 3; i++) {
      const r = await world.get('/', { headers: { 'x-add': 'b', 'x-set': 'x', 'x-gone': 'x', 'x-kept': 'k' } });
      assert.deepEqual([r.headers['x-by'], r.headers['x-server'], r.headers['x-secret']], ['mesh', 'hidden', undefined]);
      const seen = world.seen.get('blue')!.at(-1)!.headers;
      assert.deepEqual([seen['x-add'], seen['x-set'], seen['x-gone'], seen['x-kept'], seen.host], ['b, a', 's', undefined, 'k', 'set.test']);
    }
  });

  it('redirect', async () => {
    await start(filtered({ kind: { case: 'redirect', value: { scheme: { type: { case: 'registered', value: 1 } }, host: 'new.test', status: 308, path: { replace: { case: 'prefix', value: '/b' } } } } }), 'blue');
    const r = await world.get('/a/x?q=1', { method: 'POST', headers: { host: 'web.test:8080' } }, 'body');
    assert.deepEqual([r.status, r.headers.location, world.seen.get('blue')!.length], [308, 'https://new.test/b/x?q=1', 0]);
    await update(filtered({ kind: { case: 'redirect', value: { port: 8443, status: 302 } } }));
    assert.equal((await world.get('/a/x')).headers.location, 'http://web.test:8443/a/x');
  });

  it('rewrite host and path', async () => {
    await start(filtered({ kind: { case: 'urlRewrite', value: { host: 'inner.test', path: { replace: { case: 'prefix', value: '/' } } } } }), 'blue');
    await world.get('/a/x?q=1');
    await world.get('/a');
    assert.deepEqual(world.seen.get('blue')!.map((s) => [s.url, s.headers.host]), [['/x?q=1', 'inner.test'], ['/', 'inner.test']]);
    await update(filtered({ kind: { case: 'urlRewrite', value: { path: { replace: { case: 'full', value: '/whole' } } } } }));
    await world.get('/a/x?q=1');
    assert.equal(world.seen.get('blue')!.at(-1)!.url, '/whole?q=1');
  });

  it('mirror requests with their bodies, and nobody notices', async () => {
    await start(filtered({ kind: { case: 'mirror', value: { backend: backend('green') } } }), 'blue', 'green');
    world.status.set('green', 500);
    for (const body of ['', 'hello', 'x'.repeat(100_000)]) {
      const r = await world.get('/a', { method: 'POST' }, body);
      assert.deepEqual([r.status, r.body], [200, 'blue']);
    }
    while (world.seen.get('green')!.length < 3) await new Promise((r) => { setTimeout(r, 5); });
    assert.deepEqual(world.seen.get('green')!.map((s) => s.body.length).toSorted((a, b) => a - b), [0, 5, 100_000]);
    await update(filtered({ kind: { case: 'mirror', value: { backend: backend('nowhere') } } }));
    assert.equal((await world.get('/a')).status, 200);
    await update(filtered({ kind: { case: 'mirror', value: { backend: {} } } }));
    assert.equal((await world.get('/a')).status, 200);
    assert.match(await world.metrics(), /outbound_http_mirrored_requests_total\{[^}]*backend_name="green"[^}]*result="answered"\} 3/);
  });

  it('fail and delay requests on purpose', async () => {
    await start(filtered({ kind: { case: 'failureInjector', value: { status: 418, message: 'teapot' } } }), 'blue');
    const r = await world.get('/a');
    assert.deepEqual([r.status, r.headers['l5d-proxy-error'], world.seen.get('blue')!.length], [418, 'teapot', 0]);
    const fault = { metadata: meta('HTTPFault', 'f'), matches: [match('exact', '/a/hit')], delay: { kind: { case: 'fixed' as const, value: duration(40) } }, abort: { kind: { case: 'httpStatus' as const, value: 599 }, message: '' } };
    await update(filtered({ kind: { case: 'fault', value: fault } }));
    assert.deepEqual([(await world.get('/a/hit')).status, (await world.get('/a/miss')).status], [599, 200]);
    await update(filtered({ kind: { case: 'fault', value: { ...fault, untilUnixSeconds: BigInt(Math.floor(Date.now() / 1000) - 1) } } }));
    assert.equal((await world.get('/a/hit')).status, 200);
    const { abort: _, ...delayed } = fault;
    await update(filtered({ kind: { case: 'fault', value: delayed } }));
    assert.equal((await world.get('/a/hit', { method: 'POST' }, 'x'.repeat(400_000))).status, 200);
    assert.equal(world.seen.get('blue')!.at(-1)!.body.length, 400_000);
    const text = await world.metrics();
    assert.match(text, /outbound_http_faults_injected_total\{[^}]*route_name="r"[^}]*fault_name="f",fault="delay"\} 2/);
    assert.match(text, /outbound_http_faults_injected_total\{[^}]*fault_name="f",fault="abort"\} 1/);
    assert.match(text, /outbound_http_route_request_statuses_total\{parent_group="core",parent_kind="Service",parent_namespace="test",parent_name="web"[^}]*route_name="r",http_status="599",error="INJECTED"\} 1/);
  });

  it('show tap what was done on purpose', async () => {
    const fault = { delay: { kind: { case: 'fixed' as const, value: duration(1) } } };
    await start(filtered({ kind: { case: 'fault', value: fault } }), 'blue');
    const seen: [string | undefined, number, string, string | undefined][] = [];
    const stop = world.proxy.proxy['core'].tap.add({
      wants: () => true, request() {}, response() {},
      end: (t) => { seen.push([t.parties.destinationLabels['fault'], t.response!.status, t.parties.source.ip, t.parties.routeLabels?.['route_name']]); },
    });
    await world.get('/a');
    await update(filtered({ kind: { case: 'fault', value: { ...fault, abort: { kind: { case: 'httpStatus', value: 503 } } } } }));
    await world.get('/a');
    await update(filtered());
    await world.get('/a');
    stop?.();
    assert.deepEqual(seen, [['delay', 200, '127.0.0.1', 'r'], ['delay,abort', 503, '127.0.0.1', 'r'], [undefined, 200, '127.0.0.1', 'r']]);
  });

  it('keep a session with its endpoint by a cookie', async () => {
    const sticky = { ...backend('both'), sessionAffinity: { key: { case: 'cookie' as const, value: { name: 'SID', path: '/', ttl: duration(60_000) } } } };
    await start(httpPolicy(route('r', [{ backends: to(sticky) }])), 'blue', 'green');
    world.control.services.set('both', { endpoints: ['blue', 'green'].flatMap((n) => world.control.services.get(n)!.endpoints) });
    const sessions = new Set<string>();
    for (let i = 0; i < 20; i++) {
      const first = await world.get('/');
      const cookie = first.headers['set-cookie']![0]!;
      assert.match(cookie, /^SID=[0-9a-f]{16}; Path=\/; Max-Age=60; HttpOnly$/);
      sessions.add(first.body);
      for (let k = 0; k < 3; k++) {
        const again = await world.get('/', { headers: { cookie: `x=1; ${cookie.split(';')[0]!}` } });
        assert.deepEqual([again.body, again.headers['set-cookie']], [first.body, undefined]);
      }
    }
    assert.equal(sessions.size, 2);
  });

  it('retry within a budget, and end in time', async () => {
    const retry = { maxRetries: 2, maxRequestBytes: 65_536, conditions: { statusRanges: [{ start: 500, end: 599 }] }, backoff: { minBackoff: duration(1), maxBackoff: duration(2) } };
    await start(httpPolicy(route('r', [{ retry, backends: to(backend('blue')) }])), 'blue');
    world.status.set('blue', 503);
    assert.equal((await world.get('/')).status, 503);
    assert.equal(world.seen.get('blue')!.length, 3);
    await update(httpPolicy(route('r', [{ retry: { ...retry, budget: { ratio: 0, minPerSecond: 1, window: duration(10_000) } }, backends: to(backend('blue')) }])));
    for (let i = 0; i < 10; i++) await world.get('/');
    // The budget is the rule's: a new connection, or an update that changes something else, does not fill it.
    await update(httpPolicy(route('r', [{ timeouts: { request: duration(5000) }, retry: { ...retry, budget: { ratio: 0, minPerSecond: 1, window: duration(10_000) } }, backends: to(backend('blue')) }])));
    for (let i = 0; i < 10; i++) await world.get('/');
    assert.equal(world.seen.get('blue')!.length, 3 + 20 + 10);
    const text = await world.metrics();
    assert.match(text, /outbound_http_route_retry_requests_total\{[^}]*route_name="r"\} 12/);
    assert.match(text, /outbound_http_route_retry_overflow_total\{[^}]*\} 15/);
    assert.match(text, /outbound_http_route_backend_requests_total\{[^}]*backend_name="blue"[^}]*\} 33/);
    assert.match(text, /outbound_http_route_request_statuses_total\{[^}]*http_status="503",error=""\} 21/);
    const slow: Init<HttpRoute_Filter> = { kind: { case: 'fault', value: { delay: { kind: { case: 'fixed', value: duration(5000) } } } } };
    await update(httpPolicy(route('r', [{ timeouts: { request: duration(30) }, backends: split([backend('blue'), 1, [slow]]) }])));
    assert.equal((await world.get('/')).status, 504);
    assert.match(await world.metrics(), /http_status="504",error="REQUEST_TIMEOUT"\} 1/);
  });

  it('let the application choose by its own headers where the rule allows it', async () => {
    const rule = (allowL5dRequestHeaders: boolean) => httpPolicy(route('r', [{ allowL5dRequestHeaders, backends: to(backend('blue')) }]));
    await start(rule(false), 'blue');
    world.status.set('blue', 500);
    const own = { headers: { 'l5d-retry-http': '5xx', 'l5d-retry-limit': '3' } };
    await world.get('/', own);
    assert.equal(world.seen.get('blue')!.length, 1);
    await update(rule(true));
    await world.get('/', own);
    assert.deepEqual([world.seen.get('blue')!.length, world.seen.get('blue')!.at(-1)!.headers['l5d-retry-limit']], [5, undefined]);
    await world.get('/');
    assert.equal(world.seen.get('blue')!.length, 6);
  });

  it('let a tunnel through every layer', async () => {
    const echo = http.createServer();
    echo.on('upgrade', (req, socket: net.Socket) => {
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${req.headers.upgrade!}\r\nx-server: ${req.headers['x-add'] as string}\r\n\r\n`);
      socket.pipe(socket);
    });
    const change: Init<HttpRoute_Filter> = { kind: { case: 'requestHeaderModifier', value: { add: headers({ 'x-add': 'a' }) } } };
    const back: Init<HttpRoute_Filter> = { kind: { case: 'responseHeaderModifier', value: { set: headers({ 'x-by': 'mesh' }) } } };
    const copy: Init<HttpRoute_Filter> = { kind: { case: 'mirror', value: { backend: backend('blue') } } };
    const wait: Init<HttpRoute_Filter> = { kind: { case: 'fault', value: { delay: { kind: { case: 'fixed', value: duration(5) } } } } };
    const retry = { maxRetries: 2, maxRequestBytes: 65_536, conditions: { statusRanges: [{ start: 500, end: 599 }] }, timeout: duration(5000) };
    await start(httpPolicy(route('r', [{ filters: [change, back, copy, wait], timeouts: { request: duration(200), response: duration(200), idle: duration(60_000) }, retry, backends: to(backend('echo')) }])), 'blue');
    world.control.services.set('echo', { endpoints: [{ ip: '127.0.0.1', port: await world.listen(echo) }] });
    const socket = net.connect(world.proxy.outboundPort, '127.0.0.1');
    let got = '';
    socket.setEncoding('latin1').on('data', (c: string) => { got += c; });
    socket.write('GET /chat HTTP/1.1\r\nhost: web.test\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
    const heard = async (text: RegExp): Promise<void> => { while (!text.test(got)) await new Promise((r) => { socket.once('data', r); }); };
    await heard(/^HTTP\/1.1 101 [^]*x-server: a\r\n[^]*x-by: mesh\r\n[^]*\r\n$/);
    // Longer than the timeouts of requests, which are not a tunnel's.
    await new Promise((r) => { setTimeout(r, 300); });
    socket.write('hello');
    await heard(/hello$/);
    socket.destroy();
    assert.equal(world.seen.get('blue')!.length, 0);
  });

  it('change under load without a failed request, and without asking for endpoints again', async () => {
    const retry = { maxRetries: 1, maxRequestBytes: 65_536, conditions: { noResponse: true }, timeout: duration(5000) };
    const add: Init<HttpRoute_Filter> = { kind: { case: 'responseHeaderModifier', value: { add: headers({ 'x-by': 'mesh' }) } } };
    const policies = [
      httpPolicy(route('one', [{ backends: to(backend('blue'), backend('green')) }])),
      httpPolicy(route('two', [{ backends: split([backend('blue'), 1], [backend('green'), 1, [add]]) }])),
      httpPolicy(route('three', [{ filters: [add, { kind: { case: 'mirror', value: { backend: backend('blue') } } }], timeouts: { request: duration(5000) }, retry, backends: to(backend('green')) }])),
    ];
    await start(policies[0]!, 'blue', 'green');
    await world.get('/');
    const bad: string[] = [];
    let answered = 0;
    const load = new AbortController();
    const worker = async (): Promise<void> => {
      while (!load.signal.aborted) {
        const r = await world.get('/', { method: 'POST' }, 'x'.repeat(20_000));
        answered++;
        if (r.status !== 200) bad.push(`${r.status} ${r.headers['l5d-proxy-error'] as string}`);
      }
    };
    const workers = Array.from({ length: 6 }, () => worker());
    for (let i = 1; i <= 30; i++) await update(policies[i % 3]!);
    load.abort();
    await Promise.all(workers);
    assert.deepEqual(bad, []);
    assert.ok(answered > 30);
    assert.equal(world.control.calls.filter((c) => c.endsWith('/Get')).length, 2);
  });

  it('stay as they were when an update cannot be followed', async () => {
    await start(filtered(), 'blue');
    assert.equal((await world.get('/a')).body, 'blue');
    await update(httpPolicy(route('r', [{ matches: [match('regex', '(')], backends: to(backend('blue')) }])));
    assert.equal((await world.get('/a')).body, 'blue');
    assert.match(await world.metrics(), /outbound_policy_updates_total\{result="rejected"\} 1/);
    await update(filtered({ kind: { case: 'failureInjector', value: { status: 503 } } }));
    assert.equal((await world.get('/a')).status, 503);
  });

  it('let nothing pass when the first policy cannot be followed', async () => {
    await start(filtered({ kind: { case: 'requestHeaderModifier', value: { set: headers({ 'content-length': '0' }) } } }), 'blue');
    assert.equal((await world.get('/a')).status, 500);
  });
});
