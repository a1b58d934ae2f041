import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ManualClock } from '../../lib/clock.ts';
import { RequestHead, ResponseHead, WINDOW, type RequestStream } from '../message/contract.ts';
import { RESET } from '../message/reset.ts';
import type { Fault } from '../policy/outbound/model.ts';
import { NO_META } from '../policy/outbound/wire.ts';
import { FakeClient, FakeNext, get, write } from './fakes.testkit.ts';
import { failure, fault } from './fault.ts';
import { changeFields, changeRequestHeaders, changeResponseHeaders } from './headers.ts';
import { mirror, type MirrorResult } from './mirror.ts';
import { override, overrides, type Limits } from './overrides.ts';
import { firstUsable, weighted } from './pick.ts';
import { locationOf } from './redirect.ts';
import { changePath, rewrite } from './rewrite.ts';

describe('header changes', () => {
  const pairs = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.constantFrom('1', '2')), { maxLength: 5 }).map((p) => p.flat());

  it('add, set and remove, in that order, without touching the fields that they got', () => {
    fc.assert(fc.property(pairs, pairs, pairs, fc.subarray(['a', 'b', 'c']), (fields, add, set, remove) => {
      const before = Object.freeze([...fields]);
      const map = new Map<string, string[]>();
      const at = (n: string): string[] => map.get(n) ?? map.set(n, []).get(n)!;
      for (let i = 0; i < fields.length; i += 2) at(fields[i]!).push(fields[i + 1]!);
      for (let i = 0; i < add.length; i += 2) at(add[i]!).push(add[i + 1]!);
      for (const n of new Set(set.filter((_, i) => i % 2 === 0))) map.set(n, set.filter((_, i) => i % 2 === 1 && set[i - 1] === n));
      for (const n of remove) map.delete(n);
      const out = changeFields(before, { add, set, remove });
      const got = new Map<string, string[]>();
      for (let i = 0; i < out.length; i += 2) got.set(out[i]!, [...(got.get(out[i]!) ?? []), out[i + 1]!]);
      assert.deepEqual(Object.fromEntries(got), Object.fromEntries(map));
    }));
  });

  it('set the authority for Host, and keep the rest of the head', () => {
    const next = new FakeNext();
    const head = Object.assign(get(['x', '1']), { version: 2 as const, upgrade: 'websocket', client: { ip: '10.0.0.1', port: 1 } });
    changeRequestHeaders({ add: [], set: ['host', 'new', 'y', '2'], remove: [] })(next.service)(head, true, new FakeClient());
    assert.deepEqual(head.fields, ['x', '1']);
    assert.deepEqual(Object.entries(next.last.head), Object.entries(Object.assign(head, { authority: 'new', fields: ['x', '1', 'y', '2'] })));
  });

  it('change responses and not what comes before them', () => {
    const next = new FakeNext();
    const client = new FakeClient();
    changeResponseHeaders({ add: ['y', '2'], set: [], remove: ['x'] })(next.service)(get(), true, client);
    next.last.answer.informational(new ResponseHead(103, ['x', '1']));
    next.last.answer.head(new ResponseHead(200, ['x', '1']));
    assert.deepEqual([client.informationals, client.fields], [[103], ['y', '2']]);
  });
});

describe('redirects and rewrites', () => {
  // HTTPPathModifier.replacePrefixMatch of Gateway API: path, prefix, replacement, result
  const table: [string, string, string, string][] = [
    ['/foo/bar', '/foo', '/xyz', '/xyz/bar'], ['/foo/bar', '/foo', '/xyz/', '/xyz/bar'], ['/foo', '/foo', '/xyz', '/xyz'], ['/foo/', '/foo', '/xyz', '/xyz/'],
    ['/foo/bar', '/foo', '', '/bar'], ['/foo/', '/foo', '', '/'], ['/foo', '/foo', '', '/'], ['/foo/', '/foo', '/', '/'], ['/foo', '/foo', '/', '/'],
    ['/foo?a=/foo', '/foo', '/x', '/x?a=/foo'], ['/any', '', '/x', '/x/any'],
  ];
  for (const [path, prefix, to, expected] of table) it(`${path}: ${prefix || "''"} -> ${to || "''"}`, () => assert.equal(changePath(path, { prefix: to }, prefix), expected));

  it('choose the port by configuration, scheme, request', () => {
    const at = (authority: string, more: object): string => locationOf(new RequestHead('GET', 'http', authority, '/p', []), { scheme: '', host: '', port: 0, status: 302, path: null, prefix: '', ...more });
    assert.equal(at('a:8080', { scheme: 'https' }), 'https://a/p');
    assert.equal(at('a:8080', { host: 'b' }), 'http://b:8080/p');
    assert.equal(at('a', { port: 80 }), 'http://a/p');
    assert.equal(at('a', { scheme: 'https', port: 80 }), 'https://a:80/p');
    assert.equal(at('[fd00::1]:8080', {}), 'http://[fd00::1]:8080/p');
  });

  it('leave requests alone that have no path', () => {
    const next = new FakeNext();
    rewrite({ host: '', path: { full: '/x' }, prefix: '' })(next.service)(new RequestHead('OPTIONS', 'http', 'a', '*', []), true, new FakeClient());
    assert.equal(next.last.head.path, '*');
  });
});

describe('choice of a backend', () => {
  const choices = (usable: boolean[]): { used: number[]; list: { service: ReturnType<typeof firstUsable>; usable: () => boolean; weight: number }[] } => {
    const used: number[] = [];
    return { used, list: usable.map((u, i) => ({ weight: i + 1, usable: () => u, service: () => (used.push(i), new FakeNext().service(get(), true, new FakeClient())) })) };
  };
  const send = (s: ReturnType<typeof firstUsable>): RequestStream => s(get(), true, new FakeClient());

  it('takes the first that is usable, or the first', () => {
    for (const [usable, expected] of [[[true, true], 0], [[false, true], 1], [[false, false], 0]] as const) {
      const { used, list } = choices([...usable]);
      send(firstUsable(list));
      assert.deepEqual(used, [expected]);
    }
  });

  it('draws by weight among those that are usable, or among all', () => {
    fc.assert(fc.property(fc.array(fc.boolean(), { minLength: 2, maxLength: 5 }), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (usable, r) => {
      const { used, list } = choices(usable);
      send(weighted(list, () => r));
      const among = usable.some(Boolean) ? usable.flatMap((u, i) => (u ? [i] : [])) : usable.map((_, i) => i);
      let at = r * among.reduce((n, i) => n + i + 1, 0);
      assert.deepEqual(used, [among.find((i) => (at -= i + 1) < 0)]);
    }));
  });
});

describe('faults', () => {
  const none: Fault = { meta: NO_META, matches: [], delay: null, abort: null, until: Infinity };
  function setup(random = 0): { clock: ManualClock; counts: string[]; config: Parameters<typeof fault>[0] } {
    const clock = new ManualClock(1000);
    const counts: string[] = [];
    return { clock, counts, config: { clock, random: () => random, count: (k) => { counts.push(k); }, observe: (_h, a) => a } };
  }

  it('fail the share of requests that was asked for', () => {
    const { config, counts } = setup(0.3);
    const next = new FakeNext();
    const answer = { http: 503, grpc: -1, message: '' };
    failure(config, answer, 0.3)(next.service)(get(), true, new FakeClient());
    assert.equal(next.calls.length, 1);
    const client = new FakeClient();
    failure(config, answer, 0.31)(next.service)(get(), false, client);
    assert.deepEqual([client.status, client.ended, client.resets, next.calls.length, counts], [503, true, [RESET.noError], 1, ['abort']]);
  });

  it('hold a request back with its body, and give it on in order', () => {
    const { config, clock } = setup();
    const next = new FakeNext();
    const head = get();
    const up = fault(config, { ...none, delay: { share: 1, ms: () => 50 } })(next.service)(head, false, new FakeClient());
    write(up, 'one');
    clock.advance(49);
    write(up, 'two');
    assert.equal(next.calls.length, 0);
    clock.advance(1);
    write(up, 'three');
    up.end(null);
    assert.deepEqual([next.last.body, next.last.ended, head.fault], ['onetwothree', true, 'delay']);
  });

  it('do not send what was given up meanwhile', () => {
    const { config, clock } = setup();
    const next = new FakeNext();
    fault(config, { ...none, delay: { share: 1, ms: () => 50 } })(next.service)(get(), true, new FakeClient()).reset(RESET.cancel);
    clock.advance(100);
    assert.equal(next.calls.length, 0);
  });

  it('end at their time', () => {
    const { config, clock } = setup();
    const next = new FakeNext();
    const service = fault(config, { ...none, until: 2000, abort: { share: 1, answer: { http: 500, grpc: -1, message: '' } } })(next.service);
    service(get(), true, new FakeClient());
    clock.advance(1000);
    service(get(), true, new FakeClient());
    assert.equal(next.calls.length, 1);
  });
});

describe('mirror', () => {
  function setup(share = 1, maxActive = 10): { next: FakeNext; copies: FakeNext; results: MirrorResult[]; send: (ended: boolean) => { up: RequestStream; client: FakeClient } } {
    const next = new FakeNext();
    const copies = new FakeNext();
    const results: MirrorResult[] = [];
    const service = mirror({ random: () => 0.5, share, to: copies.service, maxActive, count: (r) => { results.push(r); } })(next.service);
    return { next, copies, results, send: (ended) => {
      const client = new FakeClient();
      return { up: service(get(), ended, client), client };
    } };
  }

  it('sends a copy whose answer nobody sees', () => {
    const t = setup();
    const { up, client } = t.send(false);
    write(up, 'body');
    up.end(null);
    assert.deepEqual([t.next.last.body, t.copies.last.body, t.copies.last.ended], ['body', 'body', true]);
    t.copies.last.answer.head(new ResponseHead(500, []));
    write(t.copies.last.answer, 'failed');
    t.copies.last.answer.end(null);
    assert.deepEqual([client.status, client.credited, t.copies.last.credited, t.results], [0, 0, 6, ['answered']]);
  });

  it('gives up a copy that does not keep up, and never holds the request back', () => {
    const t = setup();
    const { up } = t.send(false);
    const block = 'x'.repeat(WINDOW / 2);
    write(up, block);
    write(up, block);
    t.copies.last.answer.credit(10);
    write(up, 'x'.repeat(10));
    assert.equal(t.copies.last.resets.length, 0);
    write(up, 'x');
    assert.deepEqual([t.copies.last.resets, t.results, t.next.last.body.length], [[RESET.cancel], ['dropped'], WINDOW + 11]);
    up.end(null);
    assert.deepEqual([t.copies.last.ended, t.next.last.ended], [false, true]);
  });

  it('copies a share, not what asks for a tunnel, and so many at a time', () => {
    assert.equal((() => { const t = setup(0.5); t.send(true); return t.copies.calls.length; })(), 0);
    const t = setup(0.6, 1);
    t.send(true);
    t.send(true);
    assert.deepEqual([t.copies.calls.length, t.results], [1, ['dropped']]);
    t.copies.last.answer.reset(RESET.io);
    t.send(true);
    assert.deepEqual([t.copies.calls.length, t.results], [2, ['dropped', 'failed']]);
  });
});

describe('l5d- headers', () => {
  const base: Limits = { timeouts: { requestMs: 0, responseMs: 7, idleMs: 0 }, retry: null };

  it('set timeouts and retries; what cannot be read is as if it were not there', () => {
    const l = override(base, ['l5d-timeout', '2s', 'l5d-response-timeout', 'soon', 'l5d-retry-http', '5xx, 429,gateway-error,x', 'l5d-retry-grpc', 'internal,nothing', 'l5d-retry-limit', '3', 'l5d-retry-timeout', '150ms']);
    assert.deepEqual(l.timeouts, { requestMs: 2000, responseMs: 7, idleMs: 0 });
    assert.deepEqual([l.retry!.conditions.statuses, l.retry!.conditions.grpc, l.retry!.maxRetries, l.retry!.perTryMs], [[[500, 599], [429, 429], [502, 504]], [13], 3, 150]);
    assert.equal(override(base, ['l5d-retry-limit', '3']).retry, null);
  });

  it('lead to one stack for each set of values, without the headers', () => {
    const plain = new FakeNext();
    const built: [Limits, FakeNext][] = [];
    const service = overrides(base, (limits) => {
      const next = new FakeNext();
      built.push([limits, next]);
      return next.service;
    })(plain.service);
    for (const fields of [['a', '1'], ['a', '1', 'l5d-timeout', '1s'], ['l5d-timeout', '1s', 'b', '2'], ['l5d-timeout', '2s']]) service(get(fields), true, new FakeClient());
    assert.deepEqual([plain.calls.length, built.map(([l, n]) => [l.timeouts.requestMs, n.calls.map((c) => c.head.fields)])], [1, [[1000, [['a', '1'], ['b', '2']]], [2000, [[]]]]]);
  });
});
