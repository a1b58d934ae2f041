import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { frame, FrameError, FrameParser } from './frame.ts';
import { STATUS } from './status.ts';

describe('gRPC frames', () => {
  it('come out as they went in, whatever the chunks', () => {
    fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }), (messages, sizes) => {
      const stream = Buffer.concat(messages.map(frame));
      const got: Buffer[] = [];
      const parser = new FrameParser((m) => got.push(Buffer.from(m)));
      for (let at = 0, i = 0; at < stream.length; i++) {
        const n = Math.min(sizes[i % sizes.length]!, stream.length - at);
        parser.push(stream, at, at + n);
        at += n;
      }
      assert.equal(parser.idle, true);
      assert.deepEqual(got, messages.map((m) => Buffer.from(m)));
    }));
  });

  it('that are cut off leave the parser busy', () => {
    const whole = frame(Buffer.from('hello'));
    for (let n = 1; n < whole.length; n++) {
      const parser = new FrameParser(() => assert.fail('no message is complete'));
      parser.push(whole, 0, n);
      assert.equal(parser.idle, false);
    }
  });

  it('that are compressed, flagged or too large are errors with the status to end the call with', () => {
    const status = (bytes: number[], max?: number): number => {
      try {
        new FrameParser(() => undefined, max).push(Uint8Array.from(bytes));
      } catch (e) {
        assert.ok(e instanceof FrameError);
        return e.status;
      }
      return assert.fail('accepted');
    };
    assert.equal(status([1, 0, 0, 0, 0]), STATUS.UNIMPLEMENTED);
    assert.equal(status([2, 0, 0, 0, 0]), STATUS.INTERNAL);
    assert.equal(status([0, 0, 0, 0, 11], 10), STATUS.RESOURCE_EXHAUSTED);
    assert.equal(status([0, 255, 255, 255, 255]), STATUS.RESOURCE_EXHAUSTED);
  });

  it('throw nothing but FrameError on random bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        new FrameParser(() => undefined).push(bytes);
      } catch (e) {
        assert.ok(e instanceof FrameError);
      }
    }));
  });
});
