import assert from 'node:assert/strict';
import { ManualClock } from '../../lib/clock.ts';
import { HttpDate } from './date.ts';

describe('HttpDate', () => {
  it('is IMF-fixdate, made anew when the second is over', () => {
    const clock = new ManualClock(784_111_777_400);
    const date = new HttpDate(clock);
    assert.equal(date.text, 'Sun, 06 Nov 1994 08:49:37 GMT');
    clock.advance(599);
    assert.equal(date.text, 'Sun, 06 Nov 1994 08:49:37 GMT');
    clock.advance(1);
    assert.equal(date.text, 'Sun, 06 Nov 1994 08:49:38 GMT');
  });
});
