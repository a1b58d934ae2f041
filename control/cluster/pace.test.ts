import assert from 'node:assert/strict';
import { ManualClock } from '../../lib/clock.ts';
import { paced } from './pace.ts';

const turn = (): Promise<void> => new Promise((resolve) => { setImmediate(() => setImmediate(resolve)); });

describe('pace of bursts', () => {
  it('runs what comes alone at once, and what comes after long work only when that took a fifth of the time', async () => {
    const clock = new ManualClock();
    const soon = paced(clock);
    let runs = 0;
    const work = (): void => {
      runs++;
      clock.advance(50);
    };
    soon(work);
    await turn();
    assert.equal(runs, 1);
    soon(work);
    await turn();
    assert.equal(runs, 1);
    clock.advance(199);
    await turn();
    assert.equal(runs, 1);
    clock.advance(1);
    await turn();
    assert.equal(runs, 2);
    clock.advance(1000);
    soon(work);
    await turn();
    assert.equal(runs, 3);
  });

  it('never waits longer than 0.4 s', async () => {
    const clock = new ManualClock();
    const soon = paced(clock);
    let runs = 0;
    soon(() => clock.advance(5000));
    await turn();
    soon(() => { runs++; });
    clock.advance(400);
    await turn();
    assert.equal(runs, 1);
  });
});
