import assert from 'node:assert/strict';
import { ManualClock } from '../../lib/clock.ts';
import { clientAddr } from '../accept/addr.ts';
import { field, type Layer, type RequestHead } from '../message/contract.ts';
import { defaultRules, type Rule } from '../policy/authorize.ts';
import { PortPolicy, type InboundRoute } from '../policy/inbound.ts';
import { compilePath } from '../policy/route-match.ts';
import { RouteTable } from '../policy/route-table.ts';
import { respondError } from '../respond.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import type { Labels } from '../telemetry/text.ts';
import { authorize } from './authorize.ts';
import { FakeClient, FakeNext, get } from './fakes.testkit.ts';
import { RateLimiter, type RateLimitPolicy } from './rate-limit.ts';

interface Setup { use: (p: PortPolicy) => void; send: (head?: RequestHead, ip?: string) => FakeClient; next: FakeNext; lanes: Labels[]; text: () => string; filtered: InboundRoute[] }

function setup(first: PortPolicy, identity = ''): Setup {
  const metrics = createMetrics();
  const next = new FakeNext();
  const lanes: Labels[] = [];
  const filtered: InboundRoute[] = [];
  let policy = first;
  const through: Layer = (service) => service;
  const service = authorize({
    policy: () => policy, client: { tls: identity !== '', identity }, metrics, labels: { direction: 'inbound' }, fail: respondError,
    inner: (labels) => {
      lanes.push(labels);
      return through;
    },
    filters: (route) => {
      filtered.push(route);
      return through;
    },
  })(next.service);
  return {
    next, lanes, filtered, text: () => metrics.registry.expose(),
    use: (p) => { policy = p; },
    send: (head = get(), ip = '10.0.0.1') => {
      const client = new FakeClient();
      head.client = clientAddr(ip, 4711);
      service(head, true, client);
      return client;
    },
  };
}

const SERVER = { srv_name: 's' };
const rule = (name: string, action: Rule['action'], permits: Rule['permits'] = () => true): Rule => ({ labels: { authz_name: name }, action, requests: [], permits });

describe('authorize', () => {
  it('asks the policy for each request, answers a denial and counts both', () => {
    const t = setup(new PortPolicy('detect', SERVER, defaultRules('all-authenticated', [])));
    const denied = t.send();
    assert.deepEqual([denied.status, denied.ended, t.next.calls.length], [403, true, 0]);
    const grpc = t.send(get(['content-type', 'application/grpc']));
    assert.deepEqual([grpc.status, field(grpc.fields, 'grpc-status')], [200, '7']);
    t.use(new PortPolicy('detect', SERVER, defaultRules('all-unauthenticated', [])));
    for (let i = 0; i < 3; i++) t.send();
    assert.equal(t.next.calls.length, 3);
    assert.deepEqual(t.lanes, [{ srv_name: 's', route_group: '', route_kind: 'default', route_name: 'default', authz_group: '', authz_kind: 'default', authz_name: 'all-unauthenticated' }]);
    assert.match(t.text(), /inbound_http_authz_deny_total\{direction="inbound",srv_name="s",[^}]*\} 2/);
    assert.match(t.text(), /inbound_http_authz_allow_total\{[^}]*authz_name="all-unauthenticated"\} 3/);
  });

  it('judges by the address of each request\'s client', () => {
    const t = setup(new PortPolicy('detect', SERVER, [rule('near', 'allow', (p) => p.ip.startsWith('10.'))]));
    assert.deepEqual(['10.0.0.1', '192.0.2.1', '10.0.0.2'].map((ip) => t.send(get(), ip).status), [0, 403, 0]);
  });

  it('names the rule that denies, and counts what an audit is about', () => {
    const t = setup(new PortPolicy('detect', SERVER, [rule('all', 'allow'), rule('bad', 'deny', (p) => p.ip === '10.0.0.66'), rule('look', 'audit')]), 'web.shop');
    t.send();
    const denied = t.send(get(), '10.0.0.66');
    assert.equal(field(denied.fields, 'l5d-proxy-error'), 'web.shop at 10.0.0.66 is not authorized: bad denies it');
    assert.match(t.text(), /authz_deny_total\{[^}]*authz_name="bad"\} 1/);
    assert.match(t.text(), /authz_audit_total\{[^}]*authz_name="look"\} 2/);
    assert.match(t.text(), /authz_allow_total\{[^}]*authz_name="all"\} 1/);
  });

  it('answers 404 when the port has routes and none takes the request; a route\'s filters are its own', () => {
    const rules = [rule('all', 'allow')];
    const routes: InboundRoute[] = ['/a', '/b'].map((path, i) => ({ labels: { route_name: path }, rules, limited: true, prefix: path, filters: i === 0 ? [] : [{ kind: 'request-headers', change: { add: [], set: [], remove: [] } }] }));
    const table = new RouteTable(routes.map((route) => ({ host: null, path: compilePath({ kind: { case: 'prefix', value: route.prefix } }), tests: [], weights: [0, 0, 0] as const, rule: route })), (i) => routes[i]!);
    const t = setup(new PortPolicy('detect', SERVER, rules, { table, limiter: null, ips: [] }));
    assert.deepEqual(['/a/x', '/b', '/c'].map((path) => t.send(get([], path)).status), [0, 0, 404]);
    assert.deepEqual(t.filtered, [routes[1]]);
    assert.match(t.text(), /route_not_found_total\{direction="inbound",srv_name="s"\} 1/);
  });

  it('answers 429 when a limit is used up', () => {
    const limiter = new RateLimiter({ total: 2, identity: 0, overrides: new Map() }, new ManualClock());
    const t = setup(new PortPolicy('detect', SERVER, [rule('all', 'allow')], { table: null, limiter, ips: [] }));
    assert.deepEqual([t.send().status, t.send().status, t.send().status], [0, 0, 429]);
    assert.equal(field(t.send(get(['content-type', 'application/grpc'])).fields, 'grpc-status'), '8');
    assert.match(t.text(), /inbound_http_local_ratelimit_total\{direction="inbound",srv_name="s",scope="total"\} 2/);
  });

  it('takes probes whatever the limit is', () => {
    const limiter = new RateLimiter({ total: 1, identity: 0, overrides: new Map() }, new ManualClock());
    const rules = [rule('all', 'allow')];
    const routes: InboundRoute[] = [{ labels: { route_name: 'probe' }, rules, limited: false, filters: [], prefix: '' }];
    const table = new RouteTable(routes.map((route) => ({ host: null, path: compilePath(undefined), tests: [], weights: [0, 0, 0] as const, rule: route })), (i) => routes[i]!);
    const t = setup(new PortPolicy('detect', SERVER, rules, { table, limiter, ips: [] }));
    assert.deepEqual([t.send().status, t.send().status, t.send().status], [0, 0, 0]);
  });
});

describe('rate limits', () => {
  const limiter = (p: Partial<RateLimitPolicy>): { l: RateLimiter; clock: ManualClock } => {
    const clock = new ManualClock();
    return { clock, l: new RateLimiter({ total: 0, identity: 0, overrides: new Map(), ...p }, clock) };
  };

  it('allow a second\'s worth at once, and refill all the time', () => {
    const { l, clock } = limiter({ total: 10 });
    const passed = (n: number): number => Array.from({ length: n }, () => l.check('')).filter((s) => s === null).length;
    assert.equal(passed(20), 10);
    clock.advance(100);
    assert.equal(passed(20), 1);
    clock.advance(60_000);
    assert.equal(passed(20), 10);
  });

  it('count each identity by itself, all without one together, and those named by their own', () => {
    const { l } = limiter({ identity: 1, overrides: new Map([['vip', 3]]) });
    assert.deepEqual(['a', 'b', 'a', '', '', 'vip', 'vip', 'vip', 'vip'].map((id) => l.check(id)), [null, null, 'identity', null, 'identity', null, null, null, 'override']);
  });

  it('do not take from the one what the other refuses', () => {
    const { l } = limiter({ total: 2, identity: 1 });
    assert.deepEqual(['a', 'a', 'a', 'b', 'c'].map((id) => l.check(id)), [null, 'identity', 'identity', null, 'total']);
  });

  it('are kept for a bounded number of clients', () => {
    const { l, clock } = limiter({ identity: 1 });
    for (let i = 0; i < 30_000; i++) {
      assert.equal(l.check(`client ${i}`), null);
      if (i % 1000 === 0) clock.advance(100);
    }
    assert.equal(l.check('client 29999'), 'identity');
  });
});
