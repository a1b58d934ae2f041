import assert from 'node:assert/strict';
import { parseCidr } from '../../lib/cidr.ts';
import * as t from '../../api/gen/tables.ts';
import { decode, encode, type Init, type Plain } from '../../lib/grpc/wire.ts';
import type { Authz, Server } from '../../api/gen/inbound_pb.js';
import { ipMessage, ipText } from '../discover/convert.ts';
import { RequestHead } from '../message/contract.ts';
import { defaultRules, decide, type Peer } from './authorize.ts';
import { compileServer, type PortPolicy } from './inbound.ts';
import { compileMatch } from './route-match.ts';

const WEB = 'web.shop.serviceaccount.identity.mesh-system.cluster.local';
const meshed: Peer = { ip: '10.244.0.5', tls: true, identity: WEB };
const plain: Peer = { ip: '10.244.0.6', tls: false, identity: '' };
const outside: Peer = { ip: '203.0.113.9', tls: false, identity: '' };

const net = (ip: string, prefixLen: number) => ({ ip: ipMessage(ip), prefixLen });
const everywhere = [{ net: net('0.0.0.0', 0), except: [] }];
const GET = (path: string, fields: string[] = []): RequestHead => new RequestHead('GET', 'http', 'shop', path, fields);

/** What the proxy makes of a message that has been over the wire. */
function compiled(server: Init<Server>): PortPolicy {
  return compileServer(decode(t.inbound_Server, encode(t.inbound_Server, server)));
}

describe('default policies', () => {
  const cluster = [parseCidr('10.0.0.0/8')!];
  const table: [string, boolean, boolean, boolean][] = [
    ['all-unauthenticated', true, true, true], ['audit', true, true, true], ['all-authenticated', true, false, false],
    ['cluster-unauthenticated', true, true, false], ['cluster-authenticated', true, false, false], ['deny', false, false, false],
  ];
  for (const [policy, ...expected] of table) {
    it(policy, () => assert.deepEqual([meshed, plain, outside].map((p) => decide(defaultRules(policy, cluster), p) !== null), expected));
  }
});

describe('inbound policy', () => {
  it('permits by identity, by suffix, and by mesh TLS alone', () => {
    type Clients = Extract<NonNullable<NonNullable<Plain<Authz>['authentication']>['permit']>, { case: 'meshTLS' }>['value']['clients'];
    const policy = (clients: Init<Clients>): PortPolicy => compiled({ authorizations: [{ networks: everywhere, authentication: { permit: { case: 'meshTLS', value: { clients } } } }] });
    const exact = policy({ case: 'identities', value: { identities: [{ name: WEB }], suffixes: [] } });
    assert.notEqual(exact.connection(meshed), null);
    assert.equal(exact.connection({ ...meshed, identity: `x${WEB}` }), null);
    assert.equal(exact.connection(plain), null);
    const suffix = policy({ case: 'identities', value: { identities: [], suffixes: [{ parts: ['identity', 'mesh-system', 'cluster', 'local'] }] } });
    assert.notEqual(suffix.connection(meshed), null);
    assert.equal(suffix.connection({ ...meshed, identity: 'evil-identity.mesh-system.cluster.local' }), null);
    const any = policy({ case: 'identities', value: { identities: [], suffixes: [{ parts: [] }] } });
    assert.notEqual(any.connection(meshed), null);
    assert.equal(any.connection({ ...meshed, identity: '' }), null);
    assert.notEqual(policy({ case: 'unauthenticated', value: {} }).connection({ ...meshed, identity: '' }), null);
  });

  it('honours networks and their exceptions', () => {
    const p = compiled({ authorizations: [{ networks: [{ net: net('10.0.0.0', 8), except: [net('10.244.0.6', 32)] }], authentication: { permit: { case: 'unauthenticated', value: {} } } }] });
    assert.deepEqual([meshed, plain, outside].map((x) => p.connection(x) !== null), [true, false, false]);
  });

  it('lets a probe route through where the port denies', () => {
    const p = compiled({
      labels: { group: '', kind: 'default', name: 'deny' },
      protocol: { kind: { case: 'detect', value: { httpRoutes: [{
        metadata: { kind: { case: 'default', value: 'probe' } },
        rules: [{ matches: [{ path: { kind: { case: 'exact', value: '/healthz' } }, method: { type: { case: 'registered', value: 0 } } }], filters: [] }],
        authorizations: [{ networks: everywhere, authentication: { permit: { case: 'unauthenticated', value: {} } }, metadata: { kind: { case: 'default', value: 'probe' } } }],
      }] } } },
    });
    assert.equal(p.protocol, 'detect');
    assert.deepEqual(p.request(plain, GET('/healthz?x')), { rule: p.request(plain, GET('/healthz')).rule, route: { route_group: '', route_kind: 'default', route_name: 'probe' } });
    assert.notEqual(p.request(plain, GET('/healthz')).rule, null);
    assert.equal(p.request(plain, GET('/other')).rule, null);
    assert.equal(p.request(plain, new RequestHead('POST', 'http', 'shop', '/healthz', [])).rule, null);
  });

  it('denies what nothing permits', () => assert.equal(compiled({}).connection(meshed), null));
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
