import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { RequestStream } from '../message/contract.ts';
import { ReplayBuffer } from './replay.ts';

/** Takes what is sent; `onData` is called with what has come so far. */
function sink(onData: (so: Buffer) => void = () => {}): RequestStream & { bytes: Buffer; ended: boolean } {
  const s = {
    bytes: Buffer.alloc(0), ended: false,
    data(buf: Buffer, start: number, end: number): void {
      s.bytes = Buffer.concat([s.bytes, buf.subarray(start, end)]);
      onData(s.bytes);
    },
    end(): void { s.ended = true; },
    reset(): void {},
    credit(): void {},
  };
  return s;
}

const sizes = fc.array(fc.integer({ min: 1, max: 40_000 }), { maxLength: 8 });
const body = (all: number[], seed: number): Buffer[] => all.map((n, i) => Buffer.from(Uint8Array.from({ length: n }, (_, j) => (seed + i * 7 + j * 13) & 255)));

describe('replay buffer', () => {
  it('gives every byte as often as it is asked, and buffers of several never mix', () => {
    fc.assert(fc.property(fc.array(sizes, { minLength: 1, maxLength: 6 }), (bodies) => {
      const kept = bodies.map((all, seed) => {
        const parts = body(all, seed * 31);
        const replay = new ReplayBuffer(1 << 20);
        for (const p of parts) {
          const borrowed = Buffer.concat([Buffer.from('xx'), p, Buffer.from('yy')]);
          replay.data(borrowed, 2, 2 + p.length, true);
          borrowed.fill(0);
        }
        replay.end(null);
        return { replay, whole: Buffer.concat(parts) };
      });
      kept.forEach(({ replay }, i) => { if (i % 2 === 1) replay.drop(); });
      for (let turn = 0; turn < 2; turn++) {
        for (const { replay, whole } of kept.filter((_, i) => i % 2 === 0)) {
          const up = sink();
          replay.send(up);
          assert.ok(up.bytes.equals(whole));
          assert.ok(up.ended);
        }
      }
    }), { numRuns: 60 });
  });

  it('that is dropped while it is being sent is sent to its end, and only then used for others', () => {
    const [whole] = body([100_000], 3);
    const replay = new ReplayBuffer(1 << 20);
    replay.data(whole!, 0, whole!.length, true);
    const up = sink((so) => {
      if (so.length > 20_000) return;
      replay.drop();
      const other = new ReplayBuffer(1 << 20);
      other.data(Buffer.alloc(50_000, 255), 0, 50_000, true);
    });
    replay.send(up);
    assert.ok(up.bytes.equals(whole!));
    assert.equal(replay.complete, false);
  });

  it('keeps no more than its limit of what somebody has, and everything that nobody has', () => {
    const replay = new ReplayBuffer(10_000);
    replay.data(Buffer.alloc(9000), 0, 9000, false);
    assert.equal(replay.complete, true);
    replay.data(Buffer.alloc(2000), 0, 2000, false);
    assert.equal(replay.complete, false);
    const unsent = new ReplayBuffer(10_000);
    unsent.data(Buffer.alloc(50_000, 1), 0, 50_000, true);
    const up = sink();
    unsent.send(up);
    assert.equal(up.bytes.length, 50_000);
    assert.equal(unsent.complete, false);
  });
});
