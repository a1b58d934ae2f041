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

  it('does not share memory with another queue, whose chunks it may get', () => {
    const step = fc.record({ queue: fc.nat(2), put: fc.nat(40_000), take: fc.nat(40_000), drop: fc.integer({ min: 0, max: 9 }) });
    fc.assert(fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const all = [0, 1, 2].map((i) => ({ queue: new SendQueue(), byte: i + 1 }));
      const out = Buffer.alloc(40_000);
      for (const { queue: i, put, take, drop } of steps) {
        const a = all[i]!;
        a.queue.append(Buffer.alloc(put, a.byte), 0, put);
        const n = Math.min(take, a.queue.length);
        a.queue.take(out, 0, n);
        assert.ok(out.subarray(0, n).every((b) => b === a.byte));
        if (drop > 0) continue;
        const { capacity } = a.queue;
        assert.equal(a.queue.release(), capacity);
        all[i] = { queue: new SendQueue(), byte: a.byte };
      }
    }), { numRuns: 60 });
  });

  it('holds memory in proportion to its content, however small the pieces', () => {
    const queue = new SendQueue();
    for (let i = 0; i < 100_000; i++) queue.append(Buffer.from('x'), 0, 1);
    assert.ok(queue.capacity < 110_000);
  });
});
