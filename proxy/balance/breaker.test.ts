import assert from 'node:assert/strict';
import { ManualClock } from '../../lib/clock.ts';
import type { AccrualPolicy } from '../policy/outbound/model.ts';
import { Breaker } from './breaker.ts';

const POLICY: AccrualPolicy = { maxFailures: 3, successRate: 0, decayMs: 0, minRequests: 0, backoff: { minMs: 100, maxMs: 1000, jitter: 0, respectRetryAfter: true }, minReady: 0 };

function setup(more: Partial<AccrualPolicy> = {}, mayEject = () => true): { b: Breaker; clock: ManualClock; open: () => boolean } {
  const clock = new ManualClock(1);
  const b = new Breaker({ ...POLICY, ...more }, { clock, random: () => 0, mayEject });
  return { b, clock, open: () => clock.now() >= b.openFrom };
}

describe('breaker', () => {
  it('takes an endpoint out after so many failures in a row', () => {
    const { b, open } = setup();
    b.failed(false, -1);
    b.failed(false, -1);
    b.succeeded(false);
    assert.deepEqual([b.failed(false, -1), b.failed(false, -1), b.failed(false, -1)], [false, false, true]);
    assert.deepEqual([b.ejected, open()], [true, false]);
  });

  it('probes with one request after a pause that doubles, and comes back when that is good', () => {
    const { b, clock, open } = setup({ maxFailures: 1 });
    b.failed(false, -1);
    for (const pause of [100, 200, 400, 800, 1000, 1000]) {
      clock.advance(pause - 1);
      assert.equal(open(), false);
      clock.advance(1);
      assert.equal(open(), true);
      assert.equal(b.picked(), true);
      assert.equal(open(), false, 'one at a time');
      b.failed(true, -1);
    }
    clock.advance(1000);
    assert.equal(b.picked(), true);
    assert.deepEqual([b.succeeded(true), b.ejected, open(), b.picked()], [true, false, true, false]);
    b.failed(false, -1);
    clock.advance(100);
    assert.equal(open(), true, 'the pauses begin anew');
  });

  it('probes again when a probe is not answered', () => {
    const { b, clock, open } = setup({ maxFailures: 1 });
    b.failed(false, -1);
    clock.advance(100);
    b.picked();
    clock.advance(100);
    assert.equal(open(), true);
  });

  it('does not listen to what was under way when it went out', () => {
    const { b, clock, open } = setup({ maxFailures: 1 });
    b.failed(false, -1);
    assert.deepEqual([b.failed(false, -1), b.succeeded(false), b.ejected], [false, false, true]);
    clock.advance(100);
    assert.equal(open(), true);
  });

  it('pauses as long as Retry-After says, within bounds', () => {
    const { b, clock, open } = setup({ maxFailures: 1 });
    b.failed(false, 600);
    clock.advance(599);
    assert.equal(open(), false);
    clock.advance(1);
    assert.equal(open(), true);
  });

  it('judges by the success rate once there are enough requests, and forgets', () => {
    const rate = { maxFailures: 0, successRate: 0.8, minRequests: 10, decayMs: 1000 };
    const { b } = setup(rate);
    for (let i = 0; i < 7; i++) b.succeeded(false);
    assert.deepEqual([b.failed(false, -1), b.failed(false, -1)], [false, false], 'too few');
    assert.equal(b.failed(false, -1), true);
    const old = setup(rate);
    for (let i = 0; i < 9; i++) old.b.failed(false, -1);
    old.clock.advance(10_000);
    for (let i = 0; i < 20; i++) old.b.succeeded(false);
    assert.equal(old.b.failed(false, -1), false);
  });

  it('leaves an endpoint in that the balancer cannot spare', () => {
    let may = false;
    const { b } = setup({ maxFailures: 1 }, () => may);
    assert.equal(b.failed(false, -1), false);
    may = true;
    assert.equal(b.failed(false, -1), true);
  });
});
