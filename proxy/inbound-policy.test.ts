/** What the policy of a port does to real connections: two proxies, mesh TLS between them, an application behind. */
import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import type { Init } from '../lib/grpc/wire.ts';
import type { Authz, Server } from '../api/gen/inbound_pb.js';
import { ipMessage } from './discover/convert.ts';
import { CLIENT_ID, startPair, type Mesh } from './testing/pair.ts';

const EVERYWHERE = [{ net: { ip: ipMessage('0.0.0.0'), prefixLen: 0 }, except: [] }];
const named = (name: string) => ({ kind: { case: 'resource', value: { group: 'g', kind: 'AuthorizationPolicy', name, namespace: 'n' } } }) as const;
const anyone = (name: string, more: Partial<Init<Authz>> = {}): Init<Authz> => ({ networks: EVERYWHERE, authentication: { permit: { case: 'unauthenticated', value: {} } }, metadata: named(name), labels: {}, ...more });
const clientOnly = (name: string, more: Partial<Init<Authz>> = {}): Init<Authz> => anyone(name, {
  authentication: { permit: { case: 'meshTLS', value: { clients: { case: 'identities', value: { identities: [{ name: CLIENT_ID }], suffixes: [] } } } } }, ...more,
});
const path = (value: string) => ({ path: { kind: { case: 'prefix', value } }, headers: [], queryParams: [] }) as const;
const detect = (more: object = {}) => ({ kind: { case: 'detect', value: { timeout: { seconds: 10n, nanos: 0 }, httpRoutes: [], ...more } } }) as Init<Server>['protocol'];

function get(port: number, url: string): Promise<{ status: number; headers: http.IncomingHttpHeaders; body: string }> {
  return new Promise((resolve, reject) => {
    http.get({ host: '127.0.0.1', port, path: url, headers: { host: 'web.test' } }, (res) => {
      let body = '';
      res.on('data', (c: Buffer) => { body += c.toString(); });
      res.on('end', () => resolve({ status: res.statusCode!, headers: res.headers, body }));
    }).on('error', reject);
  });
}

describe('policy of a port, on real connections', () => {
  let app: http.Server;
  let mesh: Mesh;
  let port: number;
  let seen: string[] = [];
  let server: Init<Server>;

  async function start(first: Init<Server>): Promise<void> {
    server = first;
    seen = [];
    app = http.createServer((req, res) => {
      seen.push(`${req.url} ${String(req.headers['x-added'] ?? '')}`.trim());
      res.end('app');
    });
    await new Promise<void>((r) => { app.listen(0, '127.0.0.1', r); });
    port = (app.address() as net.AddressInfo).port;
    const opaque = first.protocol?.kind?.case === 'opaque';
    mesh = await startPair(port, { opaque, inbound: (p) => (p === port ? server : null) });
  }
  async function open(): Promise<net.Socket> {
    const s = net.connect(mesh.client.outboundPort, '127.0.0.1');
    s.on('error', () => {});
    s.write('GET /x HTTP/1.1\r\nhost: a\r\n\r\n');
    await new Promise((r) => { s.once('data', r); });
    return s;
  }
  const metrics = async (): Promise<string> => (await get(mesh.server.adminPort, '/metrics')).body;
  const ask = (url: string): Promise<{ status: number; headers: http.IncomingHttpHeaders }> => get(mesh.client.outboundPort, url);

  afterEach(async () => {
    await mesh.close();
    app.closeAllConnections();
    await new Promise((r) => { app.close(r); });
  });

  it('judges the very first connection by it', async () => {
    await start({ protocol: detect(), labels: { name: 's' }, authorizations: [] });
    assert.deepEqual([(await ask('/')).status, seen], [403, []]);
  });

  it('allows, denies by path with the rule\'s name, and audits', async () => {
    await start({ protocol: detect(), labels: { name: 's' }, authorizations: [clientOnly('web'), anyone('no-admin', { action: 1, requests: [path('/admin')] }), anyone('look', { action: 2, requests: [path('/api')] })] });
    assert.equal((await ask('/')).status, 200);
    const denied = await ask('/admin/x');
    assert.deepEqual([denied.status, String(denied.headers['l5d-proxy-error']).endsWith('is not authorized: no-admin denies it')], [403, true]);
    assert.equal((await ask('/api/1')).status, 200);
    assert.deepEqual(seen, ['/', '/api/1']);
    const text = await metrics();
    assert.match(text, /inbound_http_authz_allow_total\{[^}]*authz_name="web"\} 2/);
    assert.match(text, /inbound_http_authz_deny_total\{[^}]*authz_name="no-admin"\} 1/);
    assert.match(text, /inbound_http_authz_audit_total\{[^}]*authz_name="look"\} 1/);
  });

  it('limits requests, by client and in total', async () => {
    await start({ protocol: detect({ httpLocalRateLimit: { total: { requestsPerSecond: 1000 }, overrides: [{ limit: { requestsPerSecond: 3 }, clients: { identities: [{ name: CLIENT_ID }] } }] } }), labels: { name: 's' }, authorizations: [anyone('all')] });
    const statuses = await Promise.all(Array.from({ length: 30 }, async () => (await ask('/')).status));
    assert.ok(statuses.filter((s) => s === 200).length >= 3 && statuses.includes(429), statuses.join());
    assert.match(await metrics(), /inbound_http_local_ratelimit_total\{[^}]*scope="override"\} \d+/);
  });

  it('follows the filters of its routes, and answers 404 without a route', async () => {
    const route = (prefix: string, filter: object): object => ({ metadata: named('r'), rules: [{ matches: [path(prefix)], filters: [{ kind: filter }] }] });
    await start({ protocol: detect({ httpRoutes: [
      route('/add', { case: 'requestHeaderModifier', value: { add: { headers: [{ name: 'x-added', value: Buffer.from('yes') }] }, remove: [] } }),
      route('/old', { case: 'redirect', value: { path: { replace: { case: 'prefix', value: '/new' } } } }),
      route('/fail', { case: 'failureInjector', value: { status: 418, message: 'on purpose' } }),
    ] }), labels: { name: 's' }, authorizations: [anyone('all')] });
    assert.equal((await ask('/add')).status, 200);
    assert.equal((await ask('/old/1')).headers.location, 'http://web.test/new/1');
    assert.deepEqual([(await ask('/fail')).status, (await ask('/none')).status], [418, 404]);
    assert.deepEqual(seen, ['/add yes']);
  });

  it('ends opaque connections that a new policy denies, and lets the others be', async () => {
    await start({ protocol: { kind: { case: 'opaque', value: {} } }, labels: { name: 's' }, authorizations: [clientOnly('web')] });
    const socket = await open();
    mesh.control.changeInbound(port);
    server = { ...server, authorizations: [anyone('nobody', { action: 1 })] };
    mesh.control.changeInbound(port);
    await new Promise((r) => { socket.once('close', r); });
    assert.match(await metrics(), /inbound_tcp_authz_terminate_total\{[^}]*\} 1/);
  });
});
