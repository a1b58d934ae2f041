import assert from 'node:assert/strict';
import { elapsedProgress, longStep, seconds, type Clock } from './progress.ts';

function manualClock(): Clock & { advance(ms: number): void; ticking(): boolean } {
  let time = 0;
  let tick: (() => void) | undefined;
  return {
    now: () => time,
    every: (_ms, callback) => {
      tick = callback;
      return () => (tick = undefined);
    },
    advance: (ms) => {
      time += ms;
      tick?.();
    },
    ticking: () => tick !== undefined,
  };
}

describe('progress', () => {
  it('writes durations for people', () => {
    assert.deepEqual([0, 3240, 99_940, 100_000, 245_900, 3_600_000].map(seconds), ['0.0s', '3.2s', '99.9s', '1m40s', '4m05s', '60m00s']);
  });

  it('puts the time since the start before each line', () => {
    const clock = manualClock();
    const lines: string[] = [];
    const log = elapsedProgress((text) => lines.push(text), clock);
    clock.advance(1500);
    log('first');
    clock.advance(120_000);
    log('second');
    assert.deepEqual(lines, ['[   1.5s] first\n', '[  2m01s] second\n']);
  });

  it('gives signs of life during a long step, and stops with it, also on failure', async () => {
    const clock = manualClock();
    const lines: string[] = [];
    let finish = (_value: number): void => undefined;
    const step = longStep((line) => lines.push(line), 'building', () => new Promise<number>((resolve) => (finish = resolve)), () => '7 packages', clock);
    clock.advance(15_000);
    finish(5);
    assert.equal(await step, 5);
    assert.deepEqual(lines, ['building ...', 'building: 15.0s so far, 7 packages', 'building: done in 15.0s']);
    assert.equal(clock.ticking(), false);
    await assert.rejects(longStep(() => undefined, 'x', () => Promise.reject(new Error('no')), undefined, clock), /no/);
    assert.equal(clock.ticking(), false);
  });
});
