import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { fromJson, toBinary, type JsonValue } from '@bufbuild/protobuf';
import fc from 'fast-check';
import * as t from '../../../api/gen/tables.ts';
import { OutboundPolicySchema, type OutboundPolicy } from '../../../api/gen/outbound_pb.js';
import { decode, encode, KIND, type AnyTable, type Init, type Row } from '../../../lib/grpc/wire.ts';
import { RequestHead } from '../../message/contract.ts';
import { backend, duration, grpcPolicy, headers, httpPolicy, match, meta, route, split, tlsPolicy, to } from '../../testing/policies.ts';
import { RouteTable } from '../route-table.ts';
import { compileOutbound } from './compile.ts';
import { PolicyError, type BackendRef, type OutboundModel } from './model.ts';
import { findTcpRoute } from './tcp.ts';

const fallback: BackendRef = { kind: 'discover', path: 'fallback' };

/** What the proxy makes of a message that has been over the wire. */
function compiled(policy: Init<OutboundPolicy>): OutboundModel {
  return compileOutbound(decode(t.outbound_OutboundPolicy, encode(t.outbound_OutboundPolicy, policy)), fallback);
}

const TEXTS = ['', '/', '/a', '/a/', 'a', 'A.b.', '*', '(', '[a-z]+', 'GET', 'x-y', 'host', 'content-length', 'a b', 'http', '\r\n', 'ü'];
const text = fc.constantFrom(...TEXTS);

function scalar(kind: Row[2]): fc.Arbitrary<unknown> {
  switch (kind) {
    case KIND.string: return text;
    case KIND.bytes: return text.map((s) => Buffer.from(s));
    case KIND.bool: return fc.boolean();
    case KIND.int64: return fc.bigInt({ min: -5n, max: 5_000_000_000n });
    case KIND.fixed64: case KIND.uint64: return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    case KIND.float: return fc.float();
    case KIND.double: return fc.double();
    case KIND.enum: return fc.integer({ min: 0, max: 9 });
    default: return fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 0x7fffffff }));
  }
}

/** Any message of a table, mostly shaped like one that means something. */
function message(table: AnyTable): fc.Arbitrary<Record<string, unknown>> {
  const plain: Record<string, fc.Arbitrary<unknown>> = {};
  const oneofs = new Map<string, fc.Arbitrary<unknown>[]>();
  for (const [, name, kind, shape = '', sub] of table.rows()) {
    const value = sub === undefined ? scalar(kind) : fc.constant(0).chain(() => message(sub));
    if (shape === '[]') plain[name] = fc.array(value, { maxLength: 2 });
    else if (shape === '{}') plain[name] = fc.constant({});
    else if (shape === '') plain[name] = sub === undefined ? value : fc.option(value, { nil: undefined, freq: 4 });
    else oneofs.set(shape, [...(oneofs.get(shape) ?? []), value.map((v) => ({ case: name, value: v }))]);
  }
  for (const [name, cases] of oneofs) plain[name] = fc.oneof(...cases, fc.constant({ case: undefined }));
  return fc.record(plain);
}

describe('outbound policies, compiled', () => {
  it('are refused or can be run, whatever they are', () => {
    const request = fc.record({ method: fc.constantFrom('GET', 'POST'), authority: text, path: fc.constantFrom('/', '/a', '/a/b?x=1', '*', '/a.B/C'), fields: fc.constantFrom(['x-y', 'a'], []) });
    let followed = 0;
    fc.assert(fc.property(message(t.outbound_OutboundPolicy), request, (policy, r) => {
      let model: OutboundModel;
      try {
        model = compiled(policy);
      } catch (e) {
        assert.ok(e instanceof PolicyError, String(e));
        return;
      }
      followed++;
      const head = new RequestHead(r.method, 'http', r.authority, r.path, r.fields);
      for (const { entries } of [model.http1, model.http2]) {
        const found = new RouteTable(entries, (i) => i).find(head);
        assert.ok(found === null || entries[found] !== undefined);
      }
      findTcpRoute(model.tls, r.authority);
    }), { numRuns: 2000 });
    assert.ok(followed > 100, `only ${followed} were followed`);
  });

  it('are followed as our control plane writes them', () => {
    const folder = path.resolve(import.meta.dirname, '../../../control/policy/outbound/testdata');
    const files = fs.readdirSync(folder).filter((f) => f.endsWith('.golden.json'));
    let n = 0;
    for (const f of files) {
      for (const { answer } of JSON.parse(fs.readFileSync(path.join(folder, f), 'utf8')) as { answer: JsonValue }[]) {
        if (typeof answer === 'string') continue;
        compileOutbound(decode(t.outbound_OutboundPolicy, toBinary(OutboundPolicySchema, fromJson(OutboundPolicySchema, answer))), fallback);
        n++;
      }
    }
    assert.ok(n > 20);
  });

  const refused: [string, Init<OutboundPolicy>, RegExp][] = [
    ['a regular expression that is none', httpPolicy(route('r', [{ matches: [match('regex', '(')] }])), /"\(" is not a regular expression/],
    ['a framing header', httpPolicy(route('r', [{ filters: [{ kind: { case: 'requestHeaderModifier', value: { set: headers({ 'Transfer-Encoding': 'x' }) } } }] }])), /Transfer-Encoding belongs to the connection/],
    ['a header with a line break', httpPolicy(route('r', [{ filters: [{ kind: { case: 'responseHeaderModifier', value: { add: headers({ a: 'b\r\nc: d' }) } } }] }])), /line break/],
    ['a header without a name', httpPolicy(route('r', [{ filters: [{ kind: { case: 'requestHeaderModifier', value: { remove: [''] } } }] }])), /not a header name/],
    ['a path with a space', httpPolicy(route('r', [{ filters: [{ kind: { case: 'urlRewrite', value: { path: { replace: { case: 'full', value: '/a b' } } } } }] }])), /not a path/],
    ['a share of nothing', httpPolicy(route('r', [{ filters: [{ kind: { case: 'failureInjector', value: { status: 500, ratio: { numerator: 1, denominator: 0 } } } }] }])), /denominator 0/],
    ['a status that is none', httpPolicy(route('r', [{ filters: [{ kind: { case: 'failureInjector', value: { status: 99 } } }] }])), /status 99/],
    ['a filter of an unknown kind', httpPolicy(route('r', [{ filters: [{}] }])), /does not know/],
    ['a negative time', httpPolicy(route('r', [{ timeouts: { request: { seconds: -1n, nanos: 0 } } }])), /negative/],
    ['a backoff that shrinks', httpPolicy(route('r', [{ retry: { maxRetries: 1, backoff: { minBackoff: duration(10), maxBackoff: duration(5) } } }])), /shorter/],
  ];
  for (const [what, policy, why] of refused) {
    it(`are refused for ${what}`, () => assert.throws(() => compiled(policy), (e: Error) => e instanceof PolicyError && why.test(e.message)));
  }

  it('share what HTTP/1 and HTTP/2 have in common', () => {
    const model = compiled(httpPolicy(route('r', [{ backends: to(backend('a')) }])));
    assert.equal(model.http1, model.http2);
    assert.deepEqual(model.opaque[0]!.distribution, { kind: 'first', backends: [{ meta: model.opaque[0]!.route, ref: fallback, balance: { queue: null, ewma: null, penalty: null, slowStartMs: 0, affinity: null, accrual: null }, filters: [] }] });
  });

  it('leave backends of weight 0 out', () => {
    const [one] = compiled(httpPolicy(route('r', [{ backends: split([backend('a'), 0], [backend('b'), 2]) }]))).http1.entries;
    assert.deepEqual(one!.rule.distribution.kind === 'random' && one!.rule.distribution.backends.map((b) => [b.backend.meta.name, b.weight]), [['b', 2]]);
    assert.equal(compiled(httpPolicy(route('r', [{ backends: split([backend('a'), 0]) }]))).http1.entries[0]!.rule.distribution.kind, 'empty');
  });

  it('give gRPC the precedence of service over method', () => {
    const rule = (service: string, method: string) => ({ matches: [{ rpc: { service, method }, headers: [] }], filters: [] });
    const { http2: { entries } } = compiled(grpcPolicy({ metadata: meta('GRPCRoute', 'g'), hosts: [], rules: [rule('', ''), rule('', 'Get'), rule('a.B', ''), rule('a.B', 'Get')] }));
    const table = new RouteTable(entries, (i) => i);
    const find = (p: string): number | null => table.find(new RequestHead('POST', 'http', 'x', p, []));
    assert.deepEqual(['/a.B/Get', '/a.B/Put', '/c/Get', '/c/Put', '/a.B.C/Get', '/x/y/Get'].map(find), [3, 2, 1, 0, 1, 0]);
  });

  it('match gRPC by patterns, after those by name', () => {
    const rule = (service: string, method: string, regex = true) => ({ matches: [{ rpc: { service, method, regex }, headers: [] }], filters: [] });
    const routes = (...rules: ReturnType<typeof rule>[]) => compiled(grpcPolicy({ metadata: meta('GRPCRoute', 'g'), hosts: [], rules })).http2.entries;
    const table = new RouteTable(routes(rule('shop\\..*', 'Get|List'), rule('', 'P.*'), rule('shop.B', '', false)), (i) => i);
    const find = (p: string): number | null => table.find(new RequestHead('POST', 'http', 'x', p, []));
    assert.deepEqual(['/shop.A/Get', '/shop.A/Gets', '/shop.B/Get', '/x/Put', '/x/Get', '/shop.A', '/'].map(find), [0, null, 2, 1, null, null, null]);
    assert.throws(() => routes(rule('(', '')), PolicyError);
    assert.throws(() => routes(rule('', '(a{0,20}){0,20}')), PolicyError);
  });

  it('find the most specific server name', () => {
    const sni = (...names: string[]) => ({
      metadata: meta('TLSRoute', names.join()), rules: [{ filters: [] }],
      snis: names.map((n) => ({ match: n.startsWith('*.') ? { case: 'suffix' as const, value: { reverseLabels: n.slice(2).split('.').toReversed() } } : { case: 'exact' as const, value: n } })),
    });
    const { tls } = compiled(tlsPolicy(sni('*.test'), sni('*.shop.test', 'other.test'), sni('a.shop.test')));
    const find = (name: string): string | undefined => findTcpRoute(tls, name)?.route.name;
    assert.deepEqual(['A.shop.test', 'b.shop.test', 'x.test', 'other.test', 'test', ''].map(find), ['a.shop.test', '*.shop.test,other.test', '*.test', '*.shop.test,other.test', undefined, undefined]);
  });
});
