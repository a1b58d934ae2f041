/** Length-prefixed messages: pieces do not matter, only FrameError is thrown, and what comes out is what went in. */
import assert from 'node:assert/strict';
import { FrameError, FrameParser, frame } from '../../../lib/grpc/frame.ts';
import { hex, type Target } from '../target.ts';

const MAX = 1000;

function parse(input: Buffer, cuts: readonly number[]): { messages: string[]; error: string; idle: boolean } {
  const messages: string[] = [];
  const parser = new FrameParser((m) => messages.push(Buffer.from(m).toString('latin1')), MAX);
  let from = 0;
  try {
    for (const cut of [...cuts, input.length]) {
      parser.push(input, from, cut);
      from = cut;
    }
  } catch (e) {
    if (!(e instanceof FrameError)) throw e;
    return { messages, error: e.message, idle: false };
  }
  return { messages, error: '', idle: parser.idle };
}

export const grpcFrames: Target = {
  name: 'grpc-frames',
  words: hex('00', '01', '02', '0000000000', '0000000001', '00000003e8', '00000003e9', '00ffffffff', '61'),
  seeds: () => [frame(Buffer.from('abc')), Buffer.concat([frame(Buffer.alloc(0)), frame(Buffer.alloc(100, 1)), frame(Buffer.from('x'))]), frame(Buffer.alloc(MAX)), Buffer.from('0000000005', 'hex')],
  run(input, random) {
    const whole = parse(input, []);
    assert.deepEqual(parse(input, random.cuts(input.length)), whole, 'other pieces, another result');
    assert.deepEqual(parse(input, Array.from({ length: Math.min(input.length, 300) }, (_, i) => i)), whole, 'byte by byte, another result');
    const back = Buffer.concat(whole.messages.map((m) => frame(Buffer.from(m, 'latin1'))));
    assert.deepEqual(input.subarray(0, back.length), back);
    if (whole.idle) assert.equal(back.length, input.length);
    return `${whole.error.replaceAll(/[0-9]+/g, 'n')} ${Math.min(whole.messages.length, 4)} ${whole.idle}`;
  },
};
