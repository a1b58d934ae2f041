import assert from 'node:assert/strict';
import { toBinary } from '@bufbuild/protobuf';
import * as fc from 'fast-check';
import { ServerSchema } from '../../api/gen/inbound_pb.js';
import * as tables from '../../api/gen/tables.ts';
import { serverMessage } from '../../control/policy/inbound/wire.ts';
import { RequestHead } from '../../proxy/message/contract.ts';
import { compileServer } from '../../proxy/policy/inbound.ts';
import { ManualClock } from '../clock.ts';
import { decode } from '../grpc/wire.ts';
import { decide } from './decide.ts';
import { defaultAuthorizations, DEFAULT_POLICIES } from './default-policy.ts';
import type { Peer } from './judge.ts';
import type { Authorization, Clients, InboundPolicy, RequestMatch } from './model.ts';

const WEB = 'web.shop.serviceaccount.identity.mesh-system.cluster.local';
const OTHER = 'api.edge.serviceaccount.identity.mesh-system.cluster.local';
const PATHS = ['/', '/a', '/a/b', '/ab', '/healthz', '/a?x=1'];
const METHODS = ['GET', 'POST', 'BREW'];

const peer: fc.Arbitrary<Peer> = fc.oneof(
  fc.constantFrom(WEB, OTHER).map((identity) => ({ identity, tls: true })),
  fc.constantFrom(true, false).map((tls) => ({ identity: '', tls })),
).chain((who) => fc.constantFrom('10.1.2.3', '10.2.0.1', '203.0.113.9', 'fd00::1').map((ip) => ({ ...who, ip })));

const clients: fc.Arbitrary<Clients> = fc.oneof(
  fc.constantFrom<Clients>({ kind: 'anybody' }, { kind: 'any-tls' }),
  fc.record({
    kind: fc.constant('identities' as const),
    exact: fc.subarray([WEB, OTHER]),
    suffixes: fc.subarray([[], ['shop', 'serviceaccount', 'identity', 'mesh-system', 'cluster', 'local'], ['hop', 'serviceaccount']]),
  }),
);

const match: fc.Arbitrary<RequestMatch> = fc.record({
  path: fc.oneof(
    fc.record({ kind: fc.constantFrom('exact' as const, 'prefix' as const), value: fc.constantFrom(...PATHS, '/a/') }),
    fc.record({ kind: fc.constant('regex' as const), value: fc.constantFrom('/a.*', '/[^/]+', '/(a|b)') }),
  ),
  method: fc.constantFrom(...METHODS),
  headers: fc.constantFrom([], [{ name: 'x-team', kind: 'exact' as const, value: 'red' }], [{ name: 'x-team', kind: 'regex' as const, value: 'r.d' }]),
  query: fc.constantFrom([], [{ name: 'x', kind: 'exact' as const, value: '1' }]),
}, { requiredKeys: ['path'] });

const authorization: fc.Arbitrary<Authorization> = fc.record({
  reference: fc.constantFrom('one', 'two', 'three').map((name) => ({ kind: 'resource' as const, group: 'kubectl-mesh.io', type: 'AuthorizationPolicy', name, namespace: 'shop' })),
  networks: fc.subarray(['0.0.0.0/0', '::/0', '10.0.0.0/8', '10.1.2.3'], { minLength: 1 }),
  except: fc.subarray(['10.1.0.0/16', '203.0.113.0/24']),
  clients,
  action: fc.constantFrom('allow' as const, 'deny' as const, 'audit' as const),
  requests: fc.array(match, { minLength: 1, maxLength: 3 }),
}, { requiredKeys: ['reference', 'networks', 'clients'] });

const policy: fc.Arbitrary<InboundPolicy> = fc.record({
  own: fc.array(authorization, { maxLength: 4 }),
  fallback: fc.constantFrom(...DEFAULT_POLICIES),
  protocol: fc.constantFrom('detect' as const, 'opaque' as const),
  probes: fc.boolean(),
}).map(({ own, fallback, protocol, probes }) => {
  const everything = { reference: { kind: 'default' as const, name: 'default' }, authorizations: [], matches: [{ path: { kind: 'prefix' as const, value: '/' } }] };
  const reference = { kind: 'default' as const, name: 'probe' };
  const probe = {
    reference, authorizations: [{ reference, networks: ['0.0.0.0/0', '::/0'], clients: { kind: 'anybody' as const } }],
    matches: [{ method: 'GET', path: { kind: 'exact' as const, value: '/healthz' } }],
  };
  return {
    reference: { kind: 'default', name: fallback }, protocol, detectTimeoutMs: 10_000,
    authorizations: [...own, ...defaultAuthorizations(fallback, ['10.0.0.0/8', 'fd00::/8'])],
    routes: probes ? [probe, everything] : [everything],
  };
});

describe('decide', () => {
  it('says what a proxy does that was sent the same policy', () => {
    const fields = fc.constantFrom([], ['x-team', 'red'], ['x-team', 'blue', 'x-team', 'red']);
    fc.assert(fc.property(policy, peer, fc.constantFrom(...METHODS), fc.constantFrom(...PATHS), fields, (model, who, method, path, headers) => {
      const sent = compileServer(decode(tables.inbound_Server, toBinary(ServerSchema, serverMessage(model))), new ManualClock(), null);
      const head = new RequestHead(method, 'http', 'web', path, headers);
      const route = sent.route(head);
      const judge = sent.judge(who);
      const verdict = sent.protocol === 'opaque' ? judge.connection() : judge.request(route!, head);
      const decision = decide(model, who, head);
      assert.equal(decision.allowed, verdict.allowed);
      assert.equal(decision.by?.reference.name, verdict.rule?.labels['authz_name']);
      assert.equal(decision.by?.action, verdict.rule?.action);
      assert.deepEqual(decision.audits.map((one) => one.name), verdict.audits.map((one) => one.labels['authz_name']));
      assert.equal(decide(model, who, undefined).allowed, judge.connection().allowed);
    }), { numRuns: 2000 });
  });
});
