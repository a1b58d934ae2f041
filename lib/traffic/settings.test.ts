import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { hasTrafficSettings, TRAFFIC_KEYS } from '../../api/annotations.ts';
import type { TrafficKey } from '../../api/annotations.ts';
import { formatDuration } from '../duration.ts';
import { affinityOf } from './affinity.ts';
import { retryPolicy, statusRanges } from './retry.ts';
import { readSettings } from './settings.ts';
import type { TrafficSettings } from './settings.ts';

const reference = { kind: 'resource', group: 'core', type: 'Service', name: 'a', namespace: 'n' } as const;
const read = (annotations: Partial<Record<TrafficKey, string>>): TrafficSettings => {
  const keyed = Object.fromEntries(Object.entries(annotations).map(([key, value]) => [`kubectl-mesh.io/${key}`, value]));
  return readSettings({ name: 'a', namespace: 'n', annotations: keyed }, reference);
};

describe('traffic settings', () => {
  it('never fail, whatever the values: each is used, or a problem that names its key', () => {
    const keys = Object.keys(TRAFFIC_KEYS) as TrafficKey[];
    const value = fc.oneof(fc.string(), fc.constantFrom('5xx', '500-504', '1s', '0', '-1', '1e9', 'cookie', 'header:x', 'web', 'web.ns:80', '100%', 'grpc:14', '2s-1s', 'NaN', 'off', ',', ':', ''));
    fc.assert(fc.property(fc.dictionary(fc.constantFrom(...keys), value), (annotations) => {
      const settings = read(annotations);
      for (const { field, message } of settings.problems) {
        assert.ok(field.slice('kubectl-mesh.io/'.length) in annotations);
        assert.ok(message.startsWith(`${field} is "`) && message.endsWith('; it is left out'), message);
      }
      const { retry, breaker, timeouts } = settings;
      for (const number of [retry.limit, retry.timeoutMs, retry.backoffBaseMs, retry.budgetRatio, timeouts.requestMs, breaker?.maxConsecutive]) assert.ok(number === undefined || (Number.isFinite(number) && number >= 0));
      for (const protocol of ['http', 'grpc'] as const) {
        const policy = retryPolicy(retry, protocol);
        if (policy) assert.ok(policy.backoff.minMs <= policy.backoff.maxMs && policy.backoff.minMs > 0 && policy.limit > 0);
      }
      if (breaker) assert.ok(breaker.backoff.minMs <= breaker.backoff.maxMs && breaker.backoff.minMs > 0);
    }), { numRuns: 500 });
  });

  it('read back durations, ranges of status codes and shares', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 10 ** 8 }), (ms) => {
      assert.equal(read({ 'timeout-request': formatDuration(ms) }).timeouts.requestMs, ms);
    }));
    fc.assert(fc.property(fc.array(fc.tuple(fc.integer({ min: 100, max: 599 }), fc.integer({ min: 100, max: 599 })), { minLength: 1 }), (pairs) => {
      const ranges = pairs.map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) }));
      assert.deepEqual(statusRanges(ranges.map(({ from, to }) => (from === to ? String(from) : `${from}-${to}`)).join(', ')), ranges);
    }));
    fc.assert(fc.property(fc.integer({ min: 1, max: 100_000 }), (thousandths) => {
      const { fraction } = read({ 'fault-abort': '503', 'fault-abort-percent': String(thousandths / 1000) }).fault!.abort!;
      assert.equal(fraction!.numerator / fraction!.denominator, thousandths / 100_000);
    }));
  });

  it('take nothing that could not be meant', () => {
    const bad: Partial<Record<TrafficKey, string[]>> = {
      'retry-http': ['', '6xx', '504-500', '99', '5xx,', 'success'],
      'retry-grpc': ['', 'ok', 'unavailable,not-found'],
      'retry-methods': ['', 'get', 'GET,', 'G T'],
      'retry-limit': ['-1', '1.5', '101', 'two'],
      'timeout-request': ['5', '-1s', 'soon', '1y'],
      'retry-timeout': ['0', '0s'],
      'circuit-breaker': ['on', 'yes'],
      'circuit-breaker-success-rate': ['1.1', '80%'],
      failover: ['', 'a b', 'Web', 'web:0', 'web:99999', 'a.b.c', 'a,,b'],
      'session-affinity': ['header', 'header:', 'header:a b', 'cookie:a=b', 'ip'],
      'fault-delay': ['0s', '2s-1s', '1s-2s-3s', '2h', 'x'],
      'fault-abort': ['0', '999', '1000', 'grpc:ok', 'grpc:17', 'grpc:', 'unavailable'],
      'fault-delay-percent': ['0', '101', '-5'],
      'fault-until': ['tomorrow', '2030-01-31', '2030-13-01T00:00:00Z'],
    };
    for (const [key, values] of Object.entries(bad)) for (const value of values) assert.equal(read({ [key]: value }).problems.length, 1, `${key}: ${value}`);
  });

  it('that narrow others take these with them when they cannot be read', () => {
    const fault = { 'fault-abort': '503' };
    assert.ok(read(fault).fault);
    assert.deepEqual([read({ ...fault, 'fault-until': 'tomorrow' }).fault, read({ ...fault, 'fault-abort-percent': 'few' }).fault], [undefined, undefined]);
    const of = (more: Record<string, string>) => retryPolicy(read({ 'retry-http': '5xx', ...more }).retry, 'http');
    assert.ok(of({ 'retry-timeout': 'soon' }));
    assert.deepEqual([of({ 'retry-methods': 'get' }), of({ 'retry-limit': 'two' })], [undefined, undefined]);
  });

  it('know their own names and Linkerd\'s, ours first', () => {
    assert.ok(hasTrafficSettings({ annotations: { 'retry.linkerd.io/http': '5xx' } }));
    assert.ok(!hasTrafficSettings({ annotations: { 'linkerd.io/inject': 'enabled', 'kubectl-mesh.io/opaque-ports': '1' } }));
    const both = readSettings({ name: 'a', annotations: { 'timeout.linkerd.io/idle': '1s', 'kubectl-mesh.io/timeout-idle': '2s' } }, reference);
    assert.deepEqual(both.timeouts, { idleMs: 2000 });
  });

  it('read session persistence of the Gateway API', () => {
    const told: string[] = [];
    const of = (given: Parameters<typeof affinityOf>[0]) => affinityOf(given, (field) => void told.push(field));
    assert.deepEqual(of({}), { kind: 'cookie', name: 'kubectl-mesh-session', path: '/' });
    assert.deepEqual(of({ type: 'Header', sessionName: 'X-User' }), { kind: 'header', name: 'x-user' });
    assert.deepEqual(of({ absoluteTimeout: '1h', cookieConfig: { lifetimeType: 'Permanent' } }), { kind: 'cookie', name: 'kubectl-mesh-session', path: '/', ttlMs: 3_600_000 });
    assert.deepEqual(of({ absoluteTimeout: '1h' }), { kind: 'cookie', name: 'kubectl-mesh-session', path: '/' });
    assert.deepEqual([of({ sessionName: 'a b' }), of({ type: 'Ip' })], [undefined, undefined]);
    of({ absoluteTimeout: 'long' });
    assert.deepEqual(told, ['sessionName', 'type', 'absoluteTimeout']);
  });
});
