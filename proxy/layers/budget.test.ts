import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ManualClock } from '../../lib/clock.ts';
import { RetryBudget } from './budget.ts';

describe('retry budget', () => {
  it('allows a share of the requests, and some beside', () => {
    const clock = new ManualClock();
    const b = new RetryBudget({ clock, ratio: 0.2, minPerSecond: 1, windowMs: 10_000 });
    for (let i = 0; i < 50; i++) b.request();
    const allowed = (): number => {
      let n = 0;
      while (b.take()) n++;
      return n;
    };
    assert.equal(allowed(), 20);
    clock.advance(12_000);
    assert.equal(allowed(), 10);
    clock.advance(1e9);
    assert.equal(allowed(), 10);
  });

  it('is never exceeded, whatever comes when', () => {
    const step = fc.record({ wait: fc.integer({ min: 0, max: 400 }), requests: fc.integer({ min: 0, max: 5 }), retries: fc.integer({ min: 0, max: 8 }) });
    fc.assert(fc.property(fc.array(step, { maxLength: 60 }), fc.constantFrom(0, 0.1, 0.5, 1), fc.constantFrom(0, 1, 3), fc.constantFrom(100, 1000, 3000), (steps, ratio, minPerSecond, windowMs) => {
      const clock = new ManualClock();
      const b = new RetryBudget({ clock, ratio, minPerSecond, windowMs });
      const requests: number[] = [];
      const retries: number[] = [];
      for (const s of steps) {
        clock.advance(s.wait);
        const now = clock.now();
        for (let i = 0; i < s.requests; i++) {
          b.request();
          requests.push(now);
        }
        const inWindow = (all: number[]): number => all.filter((at) => at > now - windowMs).length;
        for (let i = 0; i < s.retries; i++) {
          if (!b.take()) continue;
          retries.push(now);
          assert.ok(inWindow(retries) <= (minPerSecond * windowMs) / 1000 + inWindow(requests) * ratio + 1e-9);
        }
      }
    }));
  });
});
