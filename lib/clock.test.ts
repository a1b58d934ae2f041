import assert from 'node:assert/strict';
import { beginEvent, endEvent, systemClock } from './clock.ts';

const spin = (from: number): void => { while (performance.now() - from < 0.05) { /* until the time has moved on */ } };

describe('the system\'s clock', () => {
  it('stands still while an event is handled, from the first look on', () => {
    const before = systemClock.now();
    spin(before);
    beginEvent();
    const first = systemClock.now();
    spin(performance.now());
    const second = systemClock.now();
    endEvent();
    assert.ok(first > before);
    assert.equal(second, first);
    assert.ok(systemClock.now() > first);
  });

  it('moves on with the next event', () => {
    beginEvent();
    const first = systemClock.now();
    endEvent();
    spin(performance.now());
    beginEvent();
    assert.ok(systemClock.now() > first);
    endEvent();
  });
});
