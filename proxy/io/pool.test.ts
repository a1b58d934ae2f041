import assert from 'node:assert/strict';
import { flushLater, giveChunk, takeChunk, type Flushable } from './pool.ts';

describe('output buffers', () => {
  const turn = async (): Promise<void> => new Promise((resolve) => { setImmediate(resolve); });

  it('everything that waits is flushed once at the end of the turn', async () => {
    const order: number[] = [];
    for (let i = 0; i < 5; i++) flushLater({ flush: () => order.push(i) });
    assert.deepEqual(order, []);
    await turn();
    assert.deepEqual(order, [0, 1, 2, 3, 4]);
    await turn();
    assert.equal(order.length, 5);
  });

  it('a turn with a thousand writers holds a bounded number of buffers', async () => {
    let held = 0;
    let most = 0;
    const writer = (): Flushable => {
      const chunk = takeChunk();
      most = Math.max(most, ++held);
      return {
        flush: () => {
          giveChunk(chunk);
          held--;
        },
      };
    };
    for (let i = 0; i < 1000; i++) flushLater(writer());
    await turn();
    assert.equal(held, 0);
    assert.ok(most <= 40, `${most} buffers at once`);
  });
});
