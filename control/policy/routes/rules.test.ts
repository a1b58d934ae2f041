import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { HttpRoute, HttpRouteRule } from '../../../lib/kube/gateway-api.ts';
import type { Service } from '../../../lib/kube/types.ts';
import type { PolicyView } from '../../cluster/route-view.ts';
import { testConfig } from '../../cluster/testing/view.ts';
import { settingsMemory } from '../settings/memory.ts';
import { compileRoute } from './attach.ts';
import type { Attached } from './attach.ts';

const service: Service = { metadata: { name: 'web', namespace: 'shop' }, spec: { clusterIPs: ['10.96.0.1'], ports: [{ port: 80 }] } };
const view = {
  service: (key: string) => (key === 'shop/web' ? service : undefined), namespace: () => undefined, routesOf: () => [], grants: () => [], trafficPolicies: () => [],
} as unknown as PolicyView;

function compile(...rules: HttpRouteRule[]): Attached {
  const object: HttpRoute = { metadata: { name: 'r', namespace: 'shop' }, spec: { parentRefs: [{ group: '', kind: 'Service', name: 'web' }], rules } };
  return compileRoute({ kind: 'HTTPRoute', object }, service, 80, { view, config: testConfig, settings: settingsMemory() });
}
const problemsOf = (rule: HttpRouteRule): string[] => compile(rule).problems.all.map(({ kind, where }) => `${kind} ${where}`);
const set = (name: string, value = 'x'): HttpRouteRule => ({ filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name, value }] } }] });
const path = (type: string, value: string): HttpRouteRule => ({ matches: [{ path: { type, value } }] });
const rewrite = (replacement: string): HttpRouteRule => ({ filters: [{ type: 'URLRewrite', urlRewrite: { path: { type: 'ReplaceFullPath', replaceFullPath: replacement } } }] });

describe('rules of routes', () => {
  it('that a proxy would refuse, and with them the whole policy, are left out', () => {
    const header = 'rule rules[0].filters[0].requestHeaderModifier.set[0]';
    const cases: [HttpRouteRule, string[]][] = [
      [set('Content-Length'), [header]],
      [set('Transfer-Encoding'), [header]],
      [set('bad name'), [header]],
      [set('x-fine', 'a\r\nx-smuggled: 1'), [header]],
      [set('x-fine'), []],
      [rewrite('/a?b'), ['rule rules[0].filters[0].path']],
      [rewrite('/a b'), ['rule rules[0].filters[0].path']],
      [rewrite('/a#b'), ['rule rules[0].filters[0].path']],
      [rewrite('/a%20b'), []],
      [path('RegularExpression', '(?=a)b'), ['rule rules[0].matches[0].path.value']],
      [path('RegularExpression', '(a)\\1'), ['rule rules[0].matches[0].path.value']],
      [path('RegularExpression', 'a)|(b'), ['rule rules[0].matches[0].path.value']],
      [path('RegularExpression', '/[a-z]+(/x)?'), []],
      [path('Exact', 'a'), ['rule rules[0].matches[0].path.value']],
      [path('Glob', '/*'), ['rule rules[0].matches[0].path.type']],
      [{ filters: [{ type: 'RequestRedirect', requestRedirect: { statusCode: 200 } }] }, ['rule rules[0].filters[0].requestRedirect.statusCode']],
      [{ filters: [{ type: 'RequestMirror', requestMirror: { backendRef: { name: 'web', port: 80 }, fraction: { numerator: 2, denominator: 1 } } }] }, ['rule rules[0].filters[0].requestMirror']],
      [{ timeouts: { request: 'long', backendRequest: '-1s' }, retry: { backoff: 'x' } }, ['field rules[0].timeouts.backendRequest', 'field rules[0].retry.backoff', 'field rules[0].timeouts.request']],
    ];
    cases.push([{ retry: { codes: [503], attempts: 1000 } }, ['field rules[0].retry.attempts']]);
    for (const [rule, expected] of cases) assert.deepEqual(problemsOf(rule), expected, JSON.stringify(rule));
    assert.equal(compile(set('connection'), {}).compiled.rules.length, 1);
  });

  it('never make a compilation fail, and what is left has matches and somewhere to go', () => {
    const text = fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom('Exact', 'PathPrefix', 'RegularExpression', '/', '/a', '(', 'ReplacePrefixMatch', 'ReplaceFullPath', '1s', '0s', 'web'));
    const number = fc.oneof(fc.integer(), fc.constantFrom(0, 1, 80, 301, 503));
    const optional = <T>(arb: fc.Arbitrary<T>) => fc.option(arb, { nil: undefined });
    const pair = fc.record({ name: text, value: text, type: optional(text) });
    const modifier = optional(fc.record({ type: text, replaceFullPath: optional(text), replacePrefixMatch: optional(text) }));
    const backendRef = fc.record({ name: text, port: optional(number), namespace: optional(text), kind: optional(text), group: optional(text), weight: optional(number) });
    const headers = optional(fc.record({ set: optional(fc.array(pair)), add: optional(fc.array(pair)), remove: optional(fc.array(text)) }));
    const filter = fc.record({
      type: fc.constantFrom('RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestRedirect', 'URLRewrite', 'RequestMirror', 'ExtensionRef', 'CORS', ''),
      requestHeaderModifier: headers, responseHeaderModifier: headers,
      requestRedirect: optional(fc.record({ scheme: optional(text), hostname: optional(text), path: modifier, port: optional(number), statusCode: optional(number) })),
      urlRewrite: optional(fc.record({ hostname: optional(text), path: modifier })),
      requestMirror: optional(fc.record({ backendRef, percent: optional(number) })),
    });
    const rule = fc.record({
      matches: optional(fc.array(fc.record({ path: optional(fc.record({ type: optional(text), value: optional(text) })), headers: optional(fc.array(pair)), queryParams: optional(fc.array(pair)), method: optional(text) }))),
      filters: optional(fc.array(filter)), backendRefs: optional(fc.array(backendRef)),
      timeouts: optional(fc.record({ request: optional(text), backendRequest: optional(text) })),
      retry: optional(fc.record({ codes: optional(fc.array(number)), attempts: optional(number), backoff: optional(text) })),
      sessionPersistence: optional(fc.record({ sessionName: optional(text), type: optional(text), absoluteTimeout: optional(text) })),
    });
    fc.assert(fc.property(fc.array(rule, { maxLength: 3 }), (rules) => {
      const { compiled } = compile(...(rules as HttpRouteRule[]));
      if (compiled.kind !== 'HTTPRoute') assert.fail();
      for (const one of compiled.rules) {
        assert.ok(one.matches.length > 0);
        assert.ok(one.distribution.kind === 'none' ? one.filters.some((f) => f.kind === 'redirect') : one.distribution.backends.length > 0);
      }
    }), { numRuns: 300 });
  });
});
