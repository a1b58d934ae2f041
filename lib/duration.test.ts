import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { formatDuration, parseDuration } from './duration.ts';

describe('durations', () => {
  it('reads every unit and sums of them', () => {
    const cases: [string, number | undefined][] = [
      ['0', 0], ['0s', 0], ['300ms', 300], ['1.5h', 5_400_000], ['1h30m', 5_400_000], ['1d', 86_400_000], ['10us', 0.01], ['10µs', 0.01],
      ['', undefined], ['5', undefined], ['-1s', undefined], ['1x', undefined], ['1s ', undefined], ['s', undefined], ['1.s', undefined],
    ];
    for (const [text, ms] of cases) assert.equal(parseDuration(text), ms, text);
  });

  it('reads back what it writes', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 1e12 }), (ms) => assert.equal(parseDuration(formatDuration(ms)), ms)));
  });

  it('answers a number or undefined for any text', () => {
    fc.assert(fc.property(fc.string(), (text) => {
      const ms = parseDuration(text);
      assert.ok(ms === undefined || (Number.isFinite(ms) && ms >= 0));
    }));
  });
});
