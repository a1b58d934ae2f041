import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RequestHead } from '../message/contract.ts';
import type { HostMatch } from './outbound/model.ts';
import { pathOf, type Matcher, type PathTest } from './route-match.ts';
import { hostOf, RouteTable, type Entry } from './route-table.ts';

/** An entry as the oracle sees it: plain data. */
interface Plain { host: HostMatch | null; path: { kind: 'exact' | 'prefix' | 'regex'; value: string }; method: string; headers: [string, string][]; query: number }

const header = ([name, value]: [string, string]): Matcher => ({ fields }) => fields.some((f, i) => i % 2 === 0 && f === name && fields[i + 1] === value);

function entry(p: Plain): Entry<number> {
  const path: PathTest = p.path.kind === 'regex' ? { kind: 'test', matches: (x) => new RegExp(`^(?:${p.path.value})$`).test(x), weight: 0 }
    : p.path.kind === 'prefix' ? { kind: 'prefix', value: p.path.value.replace(/\/$/, '') } : { kind: 'exact', value: p.path.value };
  const tests: Matcher[] = p.headers.map(header);
  if (p.method !== '') tests.push((h) => h.method === p.method);
  return { host: p.host, path, tests, weights: [p.method === '' ? 0 : 1, p.headers.length, p.query], rule: 0 };
}

const segments = fc.array(fc.constantFrom('a', 'b', 'ab'), { maxLength: 3 }).map((s) => `/${s.join('/')}`);
const host = fc.constantFrom<HostMatch | null>(null, { name: 'shop', suffix: false }, { name: 'a.shop', suffix: false }, { name: 'shop', suffix: true }, { name: 'a.shop', suffix: true });
const headers = fc.uniqueArray(fc.tuple(fc.constantFrom('x', 'y', 'z'), fc.constantFrom('1', '2')), { maxLength: 2, selector: ([n]) => n });
const plain: fc.Arbitrary<Plain> = fc.record({
  host, headers, method: fc.constantFrom('', '', 'GET', 'POST'), query: fc.constant(0),
  path: fc.oneof(fc.record({ kind: fc.constantFrom('exact' as const, 'prefix' as const), value: segments }), fc.record({ kind: fc.constant('regex' as const), value: fc.constantFrom('/a.*', '/[ab]', '/.*b') })),
});
const request = fc.record({ authority: fc.constantFrom('shop', 'a.shop', 'b.a.shop', 'A.Shop:80', 'other'), path: segments, tail: fc.constantFrom('', '/', '?q=1'), method: fc.constantFrom('GET', 'POST'), headers });

/** The rule by its definition: everything that matches, then the best of it. */
function oracle(all: Plain[], head: RequestHead): number | null {
  const name = head.authority.toLowerCase().replace(/:\d+$/, '');
  const path = pathOf(head);
  const taken = all.map((p, i) => ({ p, i })).filter(({ p }) => {
    if (p.host !== null && (p.host.suffix ? !name.endsWith(`.${p.host.name}`) : name !== p.host.name)) return false;
    const v = p.path.value;
    if (p.path.kind === 'exact' && path !== v) return false;
    if (p.path.kind === 'regex' && !new RegExp(`^(?:${v})$`).test(path)) return false;
    if (p.path.kind === 'prefix' && !`${path}/`.startsWith(v.endsWith('/') ? v : `${v}/`)) return false;
    return (p.method === '' || p.method === head.method) && p.headers.every((h) => header(h)(head));
  });
  const rank = ({ p, i }: { p: Plain; i: number }): number[] => [
    p.host === null ? 0 : p.host.suffix ? p.host.name.length : 1000,
    { exact: 2, regex: 1, prefix: 0 }[p.path.kind],
    p.path.kind === 'prefix' ? p.path.value.replace(/\/$/, '').length : 0,
    p.method === '' ? 0 : 1, p.headers.length, -i,
  ];
  const sorted = taken.toSorted((x, y) => {
    const [a, b] = [rank(x), rank(y)];
    const at = a.findIndex((v, i) => v !== b[i]);
    return b[at]! - a[at]!;
  });
  return sorted[0]?.i ?? null;
}

describe('table of routes', () => {
  it('finds the rule that Gateway API gives precedence', () => {
    fc.assert(fc.property(fc.array(plain, { maxLength: 12 }), request, (all, r) => {
      const table = new RouteTable(all.map(entry), (i) => i);
      const head = new RequestHead(r.method, 'http', r.authority, r.path + r.tail, r.headers.flat());
      assert.equal(table.find(head), oracle(all, head));
    }), { numRuns: 3000 });
  });

  it('looks at nothing when one rule takes everything', () => {
    const table = new RouteTable([entry({ host: null, path: { kind: 'prefix', value: '/' }, method: '', headers: [], query: 0 })], () => 'all');
    assert.equal(table.only, 'all');
    assert.equal(table.find(new RequestHead('OPTIONS', 'http', 'shop', '*', [])), 'all');
  });

  it('takes requests without a path by a rule for every path', () => {
    const table = new RouteTable(['/', '/x'].map((value) => entry({ host: null, path: { kind: 'prefix', value }, method: '', headers: [], query: 0 })), (i) => i);
    assert.deepEqual(['*', '', '/', '/x', '/x/y', '/xy'].map((path) => table.find(new RequestHead('OPTIONS', 'http', 'shop', path, []))), [0, 0, 0, 1, 1, 0]);
  });

  it('reads the host off an authority', () => {
    assert.deepEqual(['Shop', 'shop:80', 'shop.', 'shop.:80', '[fd00::1]:80', '[FD00::1]', ''].map(hostOf), ['shop', 'shop', 'shop', 'shop', '[fd00::1]', '[fd00::1]', '']);
  });

  it('does not look long at a host that is none', () => {
    const table = new RouteTable([entry({ host: { name: 'shop', suffix: true }, path: { kind: 'prefix', value: '/' }, method: '', headers: [], query: 0 })], () => 1);
    assert.equal(table.find(new RequestHead('GET', 'http', `${'a.'.repeat(200)}shop`, '/', [])), null);
  });
});
