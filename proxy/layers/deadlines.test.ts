import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ManualClock } from '../../lib/clock.ts';
import { Deadlines, type Deadline } from './deadlines.ts';

describe('deadlines', () => {
  it('come due once each, in time and in order, unless they are cancelled', () => {
    const step = fc.oneof(fc.record({ kind: fc.constant('wait' as const), n: fc.integer({ min: 1, max: 40 }) }), fc.record({ kind: fc.constantFrom('set' as const, 'cancel' as const), n: fc.nat(30) }));
    fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const clock = new ManualClock();
      const got: [number, number][] = [];
      const expected: [number, number][] = [];
      const list = new Deadlines<number>(clock, 50, (owner) => { got.push([owner, clock.now()]); });
      const all: { d: Deadline<number>; at: number; cancelledAt: number }[] = [];
      for (const { kind, n } of steps) {
        if (kind === 'wait') clock.advance(n);
        else if (kind === 'set') all.push({ d: list.set(all.length, clock.now()), at: clock.now() + 50, cancelledAt: Infinity });
        else if (n < all.length) {
          list.cancel(all[n]!.d);
          all[n]!.cancelledAt = Math.min(all[n]!.cancelledAt, clock.now());
        }
      }
      clock.advance(1000);
      all.forEach(({ at, cancelledAt }, owner) => { if (cancelledAt > at || (cancelledAt === at && got.some(([o]) => o === owner))) expected.push([owner, at]); });
      assert.deepEqual(got.map(([o]) => o), expected.map(([o]) => o));
      for (const [i, [, at]] of got.entries()) assert.ok(Math.abs(at - expected[i]![1]) <= 1);
    }));
  });

  it('may be set and cancelled from what comes due', () => {
    const clock = new ManualClock();
    const got: string[] = [];
    let second: Deadline<string>;
    const list = new Deadlines<string>(clock, 10, (owner) => {
      got.push(owner);
      if (owner !== 'first') return;
      list.cancel(second);
      list.set('third', clock.now());
    });
    list.set('first', clock.now());
    second = list.set('second', clock.now());
    clock.advance(10);
    clock.advance(10);
    assert.deepEqual(got, ['first', 'third']);
  });
});
