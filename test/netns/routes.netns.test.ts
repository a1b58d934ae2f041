import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { Init } from '../../lib/grpc/wire.ts';
import type { HttpRoute_Filter, OutboundPolicy } from '../../api/gen/outbound_pb.js';
import { Authority, createRoot } from '../../lib/pki/authority.ts';
import { pem } from '../../proxy/discover/certify.ts';
import { backend, duration, headers, httpPolicy, match, meta, route, split, tlsPolicy, to } from '../../proxy/testing/policies.ts';
import { identity, NetnsMesh } from './mesh.ts';
import type { Pod } from './namespaces.ts';

const WEB = '10.96.0.20:80';
const TLS = '10.96.0.21:443';

interface Answer { status: number; headers: Record<string, string>; body: string }

describe('routes behind real iptables', function () {
  const mesh = new NetnsMesh();
  let client: Pod;
  const pods: Record<string, Pod> = {};
  let policy: Init<OutboundPolicy>;
  let tlsRoutes: Init<OutboundPolicy>;

  async function send(target: string, options: object = {}): Promise<Answer> {
    const { output } = await mesh.client(client, ['send', `http://10.96.0.20${target}`, JSON.stringify(options)]);
    return JSON.parse(output) as Answer;
  }

  async function updates(): Promise<string> {
    return [...(await mesh.metrics(client)).matchAll(/^outbound_policy_updates_total.*$/gm)].join();
  }

  async function update(p: Init<OutboundPolicy>): Promise<void> {
    policy = p;
    const before = await updates();
    mesh.control.changePolicy(WEB);
    while (await updates() === before) await new Promise((r) => { setTimeout(r, 50); });
  }

  /** What a server was asked, read past every proxy. */
  async function seen(name: string): Promise<{ method: string; url: string; bytes: number }[]> {
    const { output } = await mesh.client(pods[name]!, ['get', 'http://127.0.0.1:8000/seen']);
    return JSON.parse(output) as { method: string; url: string; bytes: number }[];
  }
  const name = ({ body }: Answer): string => (JSON.parse(body) as { name: string }).name;

  before(async () => {
    await mesh.start(['named.mjs', 'client.mjs']);
    client = await mesh.pod('o', 3);
    for (const [i, one] of ['blue', 'green'].entries()) pods[one] = await mesh.pod('o', 4 + i);
    const root = await createRoot({ commonName: 'app root', days: 1, now: Date.now() });
    const authority = await Authority.load(root, root.certificate, Date.now());
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const leaf = await authority.issue({ publicKey, dnsNames: ['blue.test', 'green.test'], lifetimeSeconds: 3600, skewSeconds: 10, now: Date.now() });
    const [cert, key] = [path.join(mesh.folder, 'cert.pem'), path.join(mesh.folder, 'key.pem')];
    fs.writeFileSync(cert, [leaf.der, ...authority.intermediates].map(pem).join(''));
    fs.writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o644 });
    // Blue is in the mesh and green is not.
    const at = (pod: string, port: number) => [{ ip: pods[pod]!.ip, port, ...(pod === 'blue' ? { identity: identity('blue'), transportPort: 4143 } : {}), labels: { pod } }];
    for (const pod of ['blue', 'green']) {
      mesh.control.services.set(pod, { endpoints: at(pod, 8000) });
      mesh.control.services.set(`${pod}-tls`, { endpoints: at(pod, 8443) });
    }
    mesh.control.services.set(WEB, { endpoints: [] });
    mesh.control.services.set(TLS, { endpoints: [] });
    policy = httpPolicy(route('r', [{ backends: to(backend('blue')) }]));
    const sni = (host: string) => ({
      metadata: meta('TLSRoute', host), snis: [{ match: { case: 'exact' as const, value: `${host}.test` } }],
      rules: [{ filters: [], backends: { kind: { case: 'firstAvailable' as const, value: { backends: [{ backend: backend(`${host}-tls`), filters: [] }] } } } }],
    });
    tlsRoutes = tlsPolicy(sni('blue'), sni('green'));
    mesh.control.outbound = (address) => (address === TLS ? tlsRoutes : policy);
    await mesh.redirect(client);
    await mesh.redirect(pods['blue']!);
    const ready = [mesh.proxy(client, 'client'), mesh.proxy(pods['blue']!, 'blue')].map((p) => p.says('certified'));
    ready.push(...['blue', 'green'].map((pod) => mesh.app(pods[pod]!, 'named.mjs', pod, cert, key).says('serving')));
    await Promise.all(ready);
    assert.equal(name(await send('/')), 'blue');
  });

  after(async () => { await mesh.stop(); });

  it('choose by path and header, change headers, rewrite and redirect', async () => {
    const rewrite: Init<HttpRoute_Filter>[] = [
      { kind: { case: 'urlRewrite', value: { host: 'inner.test', path: { replace: { case: 'prefix', value: '/v2' } } } } },
      { kind: { case: 'responseHeaderModifier', value: { add: headers({ 'x-mesh': 'yes' }), set: headers({}), remove: ['x-server'] } } },
    ];
    await update(httpPolicy(route('r', [
      { matches: [match('prefix', '/', { headers: [{ name: 'x-to', value: { case: 'exact', value: Buffer.from('green') } }] })], backends: to(backend('green')) },
      { matches: [match('prefix', '/old')], filters: rewrite, backends: to(backend('blue')) },
      { matches: [match('exact', '/moved')], filters: [{ kind: { case: 'redirect', value: { host: 'new.test', status: 302 } } }] },
      { matches: [match('exact', '/')], backends: to(backend('blue')) },
    ])));
    assert.equal(name(await send('/any', { headers: { 'x-to': 'green' } })), 'green');
    const rewritten = await send('/old/page?q=1');
    const asked = JSON.parse(rewritten.body) as { name: string; url: string; headers: Record<string, string> };
    assert.deepEqual([asked.name, asked.url, asked.headers['host'], rewritten.headers['x-mesh'], rewritten.headers['x-server']], ['blue', '/v2/page?q=1', 'inner.test', 'yes', undefined]);
    assert.deepEqual([(await send('/moved')).status, (await send('/moved')).headers['location']], [302, 'http://new.test/moved']);
    assert.equal((await send('/nowhere')).status, 404);
  });

  it('share requests out between a meshed and an unmeshed backend, and leave out one without endpoints', async () => {
    await update(httpPolicy(route('r', [{ backends: split([backend('blue'), 1], [backend('green'), 1]) }])));
    const names = new Set<string>();
    for (let i = 0; i < 20; i++) names.add(name(await send('/')));
    assert.deepEqual([...names].toSorted(), ['blue', 'green']);
    mesh.control.change('blue', [], mesh.control.services.get('blue')!.endpoints);
    await update(policy);
    for (let i = 0; i < 5; i++) assert.equal(name(await send('/')), 'green');
    mesh.control.change('blue', mesh.control.services.get('blue')!.endpoints, []);
    await update(httpPolicy(route('r', [{ backends: to(backend('blue'), backend('green')) }])));
    assert.equal(name(await send('/')), 'blue');
  });

  it('mirror to another pod', async () => {
    await update(httpPolicy(route('r', [{ filters: [{ kind: { case: 'mirror', value: { backend: backend('green') } } }], backends: to(backend('blue')) }])));
    assert.equal(name(await send('/copied', { method: 'POST', body: 'x'.repeat(50_000) })), 'blue');
    while (!(await seen('green')).some((s) => s.url === '/copied' && s.bytes === 50_000)) await new Promise((r) => { setTimeout(r, 50); });
    assert.ok((await seen('blue')).some((s) => s.url === '/copied' && s.bytes === 50_000));
  });

  it('retry, and fail on purpose', async () => {
    const retry = { maxRetries: 2, maxRequestBytes: 65_536, conditions: { statusRanges: [{ start: 503, end: 503 }] }, backoff: { minBackoff: duration(5), maxBackoff: duration(10) } };
    const abort: Init<HttpRoute_Filter> = { kind: { case: 'fault', value: { metadata: meta('HTTPFault', 'f'), delay: { kind: { case: 'fixed', value: duration(20) } }, abort: { kind: { case: 'httpStatus', value: 418 } } } } };
    await update(httpPolicy(route('r', [{ matches: [match('exact', '/abort')], filters: [abort] }, { retry, backends: to(backend('blue')) }])));
    assert.equal((await send('/fail?retried', { method: 'POST', body: 'again' })).status, 503);
    assert.deepEqual((await seen('blue')).filter((s) => s.url === '/fail?retried').map((s) => s.bytes), [5, 5, 5]);
    const failed = await send('/abort');
    assert.equal(failed.status, 418);
    assert.match(failed.headers['l5d-proxy-error']!, /injected/);
    const text = await mesh.metrics(client);
    assert.match(text, /outbound_http_route_retry_requests_total\{[^}]*route_name="r"\} 2/);
    assert.match(text, /outbound_http_faults_injected_total\{[^}]*fault_name="f",fault="abort"\} 1/);
  });

  it('pass the application\'s own TLS through by its server name, inside mesh TLS where there is a mesh', async () => {
    const ask = async (host: string): Promise<string> => (await mesh.client(client, ['tls', '10.96.0.21', '443', host])).output;
    assert.equal(await ask('blue.test'), 'blue blue.test');
    assert.equal(await ask('green.test'), 'green green.test');
    assert.match(await ask('red.test'), /ECONNRESET/);
    const text = await mesh.metrics(client);
    assert.match(text, /outbound_tls_route_open_total\{[^}]*route_name="blue",hostname="blue.test"\} 1/);
    assert.match(text, new RegExp(`tcp_open_total\\{direction="outbound",peer="dst",[^}]*dst_pod="blue"[^}]*server_id="${identity('blue')}"`));
  });
});
