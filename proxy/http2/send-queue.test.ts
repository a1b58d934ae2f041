import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { SendQueue } from './send-queue.ts';

describe('http2: SendQueue', () => {
  it('gives out what was put in, in order, and accounts for the memory it holds', () => {
    const step = fc.record({ put: fc.nat(20_000), take: fc.nat(25_000) });
    fc.assert(fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const queue = new SendQueue();
      let next = 0;
      let expected = 0;
      let held = 0;
      const out = Buffer.alloc(30_000);
      for (const { put, take } of steps) {
        const piece = Buffer.from(Array.from({ length: put }, () => next++ % 251));
        held += queue.append(Buffer.concat([Buffer.from('xx'), piece]), 2, 2 + put);
        const n = Math.min(take, queue.length);
        held -= queue.take(out, 3, n);
        for (let i = 0; i < n; i++) assert.equal(out[3 + i], expected++ % 251);
        assert.equal(queue.capacity, held);
        assert.ok(queue.capacity >= queue.length);
      }
      held -= queue.take(Buffer.alloc(queue.length), 0, queue.length);
      assert.equal(held, 0);
    }), { numRuns: 60 });
  });

  it('holds memory in proportion to its content, however small the pieces', () => {
    const queue = new SendQueue();
    for (let i = 0; i < 100_000; i++) queue.append(Buffer.from('x'), 0, 1);
    assert.ok(queue.capacity < 110_000);
  });
});
