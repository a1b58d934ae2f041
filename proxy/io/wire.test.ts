import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { Wire } from './wire.ts';

class Sink extends Duplex {
  readonly hash = createHash('sha256');
  bytes = 0;
  writes = 0;
  private readonly slow: boolean;

  constructor(slow: boolean) {
    super();
    this.slow = slow;
  }

  override _read(): void { /* nothing comes in */ }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    const take = (): void => {
      this.hash.update(chunk);
      this.bytes += chunk.length;
      this.writes++;
      done();
    };
    if (this.slow) setImmediate(take);
    else take();
  }
}

describe('wire', () => {
  for (const slow of [false, true]) {
    it(`megabytes written in one turn arrive whole and in order (${slow ? 'slow' : 'fast'} socket)`, async () => {
      const sink = new Sink(slow);
      const wire = new Wire(sink as unknown as Socket);
      const expected = createHash('sha256');
      let total = 0;
      for (let i = 0; i < 400; i++) {
        const piece = Buffer.alloc((i * 7919) % 30_000, i);
        expected.update(piece);
        total += piece.length;
        wire.write(piece);
      }
      wire.finish();
      await new Promise<void>((resolve) => { sink.once('finish', resolve); });
      assert.equal(sink.bytes, total);
      assert.equal(sink.hash.digest('hex'), expected.digest('hex'));
      sink.destroy();
    });
  }

  it('what is written in one turn is one write', async () => {
    const sink = new Sink(false);
    const wire = new Wire(sink as unknown as Socket);
    for (let i = 0; i < 100; i++) wire.writeLatin1(`line ${i}\n`);
    await new Promise((resolve) => { setImmediate(resolve); });
    assert.equal(sink.writes, 1);
    sink.destroy();
  });
});
