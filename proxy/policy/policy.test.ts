import assert from 'node:assert/strict';
import { parseCidr } from '../../lib/cidr.ts';
import * as t from '../../api/gen/tables.ts';
import { decode, encode, type Init, type Plain } from '../../lib/grpc/wire.ts';
import type { Authz, Server } from '../../api/gen/inbound_pb.js';
import { ipMessage, ipText } from '../discover/convert.ts';
import { RequestHead } from '../message/contract.ts';
import { ManualClock } from '../../lib/clock.ts';
import { DEFAULT_POLICIES } from '../../lib/authz/default-policy.ts';
import { defaultRules, Judge, type Peer, type Verdict } from './authorize.ts';
import { compileServer, type PortPolicy } from './inbound.ts';
import { compileMatch } from './route-match.ts';

const WEB = 'web.shop.serviceaccount.identity.mesh-system.cluster.local';
const meshed: Peer = { ip: '10.244.0.5', tls: true, identity: WEB };
const plain: Peer = { ip: '10.244.0.6', tls: false, identity: '' };
const outside: Peer = { ip: '203.0.113.9', tls: false, identity: '' };

const net = (ip: string, prefixLen: number) => ({ ip: ipMessage(ip), prefixLen });
const everywhere = [{ net: net('0.0.0.0', 0), except: [] }];
const anyone = { permit: { case: 'unauthenticated', value: {} } } as const;
const GET = (path: string, fields: string[] = []): RequestHead => new RequestHead('GET', 'http', 'shop', path, fields);

/** What the proxy makes of a message that has been over the wire. */
function compiled(server: Init<Server>): PortPolicy {
  return compileServer(decode(t.inbound_Server, encode(t.inbound_Server, server)), new ManualClock(), null);
}

function connects(p: PortPolicy, peer: Peer): boolean {
  return p.judge(peer).connection().allowed;
}

/** The route that takes a request and what is said of it; null without a route. */
function judged(p: PortPolicy, peer: Peer, head: RequestHead): (Verdict & { route: string }) | null {
  const route = p.route(head);
  return route === null ? null : { ...p.judge(peer).request(route, head), route: route.labels['route_name']! };
}

describe('default policies', () => {
  const cluster = [parseCidr('10.0.0.0/8')!];
  const table: [string, boolean, boolean, boolean][] = [
    ['all-unauthenticated', true, true, true], ['audit', true, true, true], ['all-authenticated', true, false, false],
    ['cluster-unauthenticated', true, true, false], ['cluster-authenticated', true, false, false], ['deny', false, false, false],
    ['all-tls-unauthenticated', true, false, false], ['cluster-tls-unauthenticated', true, false, false],
  ];
  it('are all that pods may be given', () => assert.deepEqual(table.map(([policy]) => policy).sort(), [...DEFAULT_POLICIES].sort()));
  for (const [policy, ...expected] of table) {
    it(policy, () => assert.deepEqual([meshed, plain, outside].map((p) => new Judge(defaultRules(policy, cluster), p).connection().allowed), expected));
  }
});

describe('inbound policy', () => {
  it('permits by identity, by suffix, and by mesh TLS alone', () => {
    type Clients = Extract<NonNullable<NonNullable<Plain<Authz>['authentication']>['permit']>, { case: 'meshTLS' }>['value']['clients'];
    const policy = (clients: Init<Clients>): PortPolicy => compiled({ authorizations: [{ networks: everywhere, authentication: { permit: { case: 'meshTLS', value: { clients } } } }] });
    const exact = policy({ case: 'identities', value: { identities: [{ name: WEB }], suffixes: [] } });
    assert.equal(connects(exact, meshed), true);
    assert.equal(connects(exact, { ...meshed, identity: `x${WEB}` }), false);
    assert.equal(connects(exact, plain), false);
    const suffix = policy({ case: 'identities', value: { identities: [], suffixes: [{ parts: ['identity', 'mesh-system', 'cluster', 'local'] }] } });
    assert.equal(connects(suffix, meshed), true);
    assert.equal(connects(suffix, { ...meshed, identity: 'evil-identity.mesh-system.cluster.local' }), false);
    const any = policy({ case: 'identities', value: { identities: [], suffixes: [{ parts: [] }] } });
    assert.equal(connects(any, meshed), true);
    assert.equal(connects(any, { ...meshed, identity: '' }), false);
    assert.equal(connects(policy({ case: 'unauthenticated', value: {} }), { ...meshed, identity: '' }), true);
  });

  it('honours networks and their exceptions', () => {
    const p = compiled({ authorizations: [{ networks: [{ net: net('10.0.0.0', 8), except: [net('10.244.0.6', 32)] }], authentication: { permit: { case: 'unauthenticated', value: {} } } }] });
    assert.deepEqual([meshed, plain, outside].map((x) => connects(p, x)), [true, false, false]);
  });

  it('lets a probe route through where the port denies', () => {
    const p = compiled({
      labels: { group: '', kind: 'default', name: 'deny' },
      protocol: { kind: { case: 'detect', value: { httpRoutes: [{
        metadata: { kind: { case: 'default', value: 'probe' } },
        rules: [{ matches: [{ path: { kind: { case: 'exact', value: '/healthz' } }, method: { type: { case: 'registered', value: 0 } } }], filters: [] }],
        authorizations: [{ networks: everywhere, authentication: anyone, metadata: { kind: { case: 'default', value: 'probe' } } }],
      }, { metadata: { kind: { case: 'default', value: 'default' } }, rules: [{ matches: [], filters: [] }] }] } } },
      authorizations: [{ networks: everywhere, authentication: anyone, action: 1 }],
    });
    assert.equal(p.protocol, 'detect');
    const healthy = judged(p, plain, GET('/healthz?x'))!;
    assert.deepEqual([healthy.allowed, healthy.route, healthy.rule!.labels['authz_name']], [true, 'probe', 'probe']);
    for (const other of [GET('/other'), new RequestHead('POST', 'http', 'shop', '/healthz', [])]) assert.equal(judged(p, plain, other)!.allowed, false);
  });

  const rule = (name: string, action: number, more: Partial<Init<Authz>> = {}): Init<Authz> => ({
    networks: everywhere, authentication: anyone, action, metadata: { kind: { case: 'resource', value: { group: 'g', kind: 'AuthorizationPolicy', name, namespace: 'n' } } }, ...more,
  });
  const [ALLOW, DENY, AUDIT] = [0, 1, 2];
  const to = (path: string) => ({ requests: [{ path: { kind: { case: 'prefix', value: path } }, headers: [], queryParams: [] }] }) as Partial<Init<Authz>>;
  const says = (v: Verdict | null): unknown[] => [v?.allowed, v?.rule?.labels['authz_name'] ?? null, v?.audits.map((a) => a.labels['authz_name'])];

  it('lets a DENY win over every ALLOW, and looks at requests where a rule says so', () => {
    const p = compiled({ authorizations: [rule('all', ALLOW), rule('admin', DENY, to('/admin'))] });
    assert.deepEqual(says(judged(p, plain, GET('/'))), [true, 'all', []]);
    assert.deepEqual(says(judged(p, plain, GET('/admin/x'))), [false, 'admin', []]);
    assert.deepEqual(says(p.judge(plain).connection()), [false, 'admin', []], 'a DENY with conditions denies bytes whole');
    const some = compiled({ authorizations: [rule('api', ALLOW, to('/api')), rule('watch', AUDIT, to('/'))] });
    assert.deepEqual(says(judged(some, plain, GET('/api/1'))), [true, 'api', ['watch']]);
    assert.deepEqual(says(judged(some, plain, GET('/x'))), [true, 'watch', ['watch']], 'an AUDIT lets pass');
    assert.deepEqual(says(some.judge(plain).connection()), [false, null, []], 'ALLOW and AUDIT with conditions do not apply to bytes');
  });

  it('takes a route\'s own authorizations beside the server\'s, and for gRPC in their place', () => {
    const only = { networks: [{ net: net('10.244.0.5', 32), except: [] }] };
    const route = { metadata: { kind: { case: 'resource', value: { group: 'g', kind: 'HTTPRoute', name: 'r', namespace: 'n' } } }, rules: [{ matches: [], filters: [] }] } as const;
    const http = compiled({ authorizations: [rule('server', ALLOW, only)], protocol: { kind: { case: 'http1', value: { routes: [{ ...route, authorizations: [rule('own', ALLOW, { networks: [{ net: net('10.244.0.6', 32), except: [] }] })] }] } } } });
    assert.deepEqual([meshed, plain, outside].map((x) => judged(http, x, GET('/'))!.allowed), [true, true, false]);
    const grpc = compiled({ authorizations: [rule('server', ALLOW)], protocol: { kind: { case: 'grpc', value: { routes: [{ ...route, rules: [{ matches: [{ rpc: { service: 'a.B', method: '' }, headers: [] }], filters: [] }], authorizations: [rule('own', ALLOW, only)] }] } } } });
    assert.deepEqual([meshed, plain].map((x) => judged(grpc, x, GET('/a.B/C'))!.allowed), [true, false]);
    assert.equal(judged(grpc, meshed, GET('/a.X/C')), null);
  });

  it('takes only addresses of the server, where it names them', () => {
    const p = compiled({ serverIps: [ipMessage('10.244.0.9'), ipMessage('fd00::9')] });
    assert.deepEqual(['10.244.0.9', 'fd00::9', 'fd00:0:0:0:0:0:0:9', '10.244.0.8'].map((ip) => p.takes(ip)), [true, true, true, false]);
    assert.equal(compiled({}).takes('10.244.0.8'), true);
  });

  it('goes on with the rate limiter of the policy before, when the figures are the same', () => {
    const server = (n: number): Plain<Server> => decode(t.inbound_Server, encode(t.inbound_Server, { protocol: { kind: { case: 'detect', value: { httpRoutes: [], httpLocalRateLimit: {
      total: { requestsPerSecond: n }, overrides: [{ limit: { requestsPerSecond: 5 }, clients: { identities: [{ name: WEB }] } }],
    } } } } }));
    const first = compileServer(server(10), new ManualClock(), null);
    assert.deepEqual(first.limiter!.policy, { total: 10, identity: 0, overrides: new Map([[WEB, 5]]) });
    assert.equal(compileServer(server(10), new ManualClock(), first).limiter, first.limiter);
    assert.notEqual(compileServer(server(11), new ManualClock(), first).limiter, first.limiter);
    assert.equal(compileServer(decode(t.inbound_Server, encode(t.inbound_Server, {})), new ManualClock(), first).limiter, null);
  });

  it('does not take a policy with a rule that cannot be followed', () => {
    assert.throws(() => compiled({ authorizations: [rule('bad', DENY, { requests: [{ path: { kind: { case: 'regex', value: '(' } }, headers: [], queryParams: [] }] })] }), /not a regular expression/);
  });

  it('denies what nothing permits', () => assert.equal(connects(compiled({}), meshed), false));
});

describe('route matches', () => {
  const match = (m: object): ((h: RequestHead) => boolean) => compileMatch({ headers: [], queryParams: [], ...m });
  it('takes prefixes by whole path elements', () => {
    const m = match({ path: { kind: { case: 'prefix', value: '/a/' } } });
    assert.deepEqual(['/a', '/a/', '/a/b', '/ab', '/', '/a?x'].map((p) => m(GET(p))), [true, true, true, false, false, true]);
    assert.equal(match({ path: { kind: { case: 'prefix', value: '/' } } })(GET('/anything')), true);
  });
  it('takes exact paths, whole regular expressions, headers and query parameters', () => {
    assert.equal(match({ path: { kind: { case: 'exact', value: '/a' } } })(GET('/a/')), false);
    const re = match({ path: { kind: { case: 'regex', value: '/v[0-9]+' } } });
    assert.deepEqual(['/v1', '/v12', '/v1/x'].map((p) => re(GET(p))), [true, true, false]);
    const header = match({ headers: [{ name: 'X-Env', value: { case: 'exact', value: Buffer.from('prod') } }] });
    assert.deepEqual([GET('/', ['x-env', 'prod']), GET('/', ['x-env', 'test']), GET('/')].map(header), [true, false, false]);
    assert.equal(match({ queryParams: [{ name: 'v', value: { case: 'exact', value: '2' } }] })(GET('/?u=1&v=2')), true);
  });
  it('matches nothing by an expression that does not compile', () => assert.equal(match({ path: { kind: { case: 'regex', value: '(' } } })(GET('/')), false));
});

describe('addresses in messages', () => {
  it('come back as they went', () => {
    for (const ip of ['0.0.0.0', '10.244.0.7', '255.255.255.255']) assert.equal(ipText(ipMessage(ip)), ip);
    assert.equal(ipText(ipMessage('fd00::1')), 'fd00::1');
    assert.equal(ipText(ipMessage('::')), '::');
    assert.equal(ipText(ipMessage('1:2:3:4:5:6:7:8')), '1:2:3:4:5:6:7:8');
  });
});
