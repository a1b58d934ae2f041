/** The chunked coding by itself: pieces do not matter, and what is decoded is what Node decodes. */
import assert from 'node:assert/strict';
import { ProxyError } from '../../../proxy/errors.ts';
import { ChunkDecoder } from '../../../proxy/http1/chunked.ts';
import { DEFAULT_LIMITS } from '../../../proxy/http1/limits.ts';
import { nodeServer } from '../../../proxy/http1/oracle.testkit.ts';
import { text, type Target } from '../target.ts';
import { refusedNeedlessly } from './node-quirks.ts';

interface Result { body: string; trailers: readonly string[] | null; done: boolean; used: number; error: boolean; reason: string }

function decode(input: Buffer, cuts: readonly number[]): Result {
  let held = 0;
  const decoder = new ChunkDecoder(DEFAULT_LIMITS, { hold: (n) => { held += n; } });
  const r: Result = { body: '', trailers: null, done: false, used: 0, error: false, reason: '' };
  let from = 0;
  try {
    for (const cut of [...cuts, input.length]) {
      let p = from;
      while (p < cut && !decoder.done) {
        const before = p;
        if (decoder.remaining === 0) {
          p = decoder.frame(input, p, cut);
        } else {
          const n = Math.min(decoder.remaining, cut - p);
          r.body += input.toString('latin1', p, p + n);
          decoder.took(n);
          p += n;
        }
        assert.ok(p > before || p === cut || decoder.done || decoder.remaining > 0, 'no progress');
        assert.ok(held <= 2 * DEFAULT_LIMITS.maxTrailerBytes, `${held} bytes held`);
      }
      r.used = p;
      if (decoder.done) break;
      from = cut;
    }
  } catch (e) {
    if (!(e instanceof ProxyError)) throw e;
    r.error = true;
    r.reason = e.reason;
  }
  if (decoder.done) assert.equal(held, 0, 'memory held after the end');
  r.done = decoder.done;
  r.trailers = decoder.trailers;
  return r;
}

const node = nodeServer();

export const chunked: Target = {
  name: 'chunked',
  words: text('\r\n', '\n', '\r', ';', '=', '"', '0', 'f', 'F', '0x', '+', '-', '_', ' ', '\t', '0\r\n\r\n', '0\r\n', '3\r\nabc\r\n', 'X: y\r\n', 'ffffffffffffffff', '10000000000000000', '00000', '\0', 'Content-Length: 3\r\n'),
  seeds: () => text('0\r\n\r\n', '3\r\nabc\r\n0\r\n\r\n', '3;a=b;c="d e"\r\nabc\r\n0\r\nX: y\r\nX-Z: 1\r\n\r\nrest', 'A\r\n0123456789\r\n00\r\n\r\n', '1\r\na\r\n2\r\nbc\r\n0;x\r\n\r\n'),
  async run(input, random) {
    const whole = decode(input, []);
    const compared = (r: Result): unknown => [r.done, r.error, r.trailers, r.done ? [r.body, r.used] : ''];
    assert.deepEqual(compared(decode(input, random.cuts(input.length))), compared(whole), 'other pieces, another result');
    assert.deepEqual(compared(decode(input, Array.from({ length: Math.min(input.length, 300) }, (_, i) => i))), compared(whole), 'byte by byte, another result');
    if (!whole.done) return `${whole.error} ${whole.reason}`;
    const message = Buffer.concat([Buffer.from('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'), input.subarray(0, whole.used)]);
    const theirs = await node.parse(message);
    if (refusedNeedlessly(theirs.error, message)) return 'done, but for Node';
    assert.equal(theirs.error, null, 'Node finds fault with it');
    assert.deepEqual(theirs.requests.map((r) => [r.body, r.ended]), [[whole.body, true]]);
    return `done ${whole.trailers === null} ${whole.used === input.length}`;
  },
};
