import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseFieldBlock } from './field-block.ts';
import { HeadCache } from './head-cache.ts';
import { DEFAULT_LIMITS } from './limits.ts';

const name = fc.constantFrom('accept', 'x-a', 'x-b', 'user-agent');
const value = fc.constantFrom('', 'a', 'b', 'ab', 'ba', 'c'.repeat(600), 'd'.repeat(600), 'e'.repeat(1200));
const block = fc.array(fc.tuple(name, value), { maxLength: 3 }).map((fields) => `${fields.map(([n, v]) => `${n}: ${v}\r\n`).join('')}\r\n`);

describe('http1: HeadCache', () => {
  it('says of every block what parsing it says, whatever came before and wherever it lies', () => {
    const sequence = fc.array(fc.tuple(block, fc.nat(5)), { maxLength: 60 });
    fc.assert(fc.property(sequence, (heads) => {
      const cache = new HeadCache();
      for (const [text, at] of heads) {
        const buf = Buffer.from(`${'x'.repeat(at)}${text}yy`, 'latin1');
        const end = at + text.length;
        assert.deepEqual(cache.get(buf, at, end, DEFAULT_LIMITS), parseFieldBlock(buf, at, end, text, 'head', DEFAULT_LIMITS.maxFields));
      }
    }), { numRuns: 200 });
  });

  it('gives one and the same block once it has come a few times, and does not hold the bytes that it came in', () => {
    const cache = new HeadCache();
    const buf = Buffer.from('accept: a\r\n\r\n', 'latin1');
    const get = (): unknown => cache.get(buf, 0, buf.length, DEFAULT_LIMITS);
    get();
    const first = get();
    assert.deepEqual([get() === first, get() === first], [true, true]);
    buf.write('b', 8, 'latin1');
    assert.notEqual(get(), first);
    buf.write('a', 8, 'latin1');
    assert.equal(get(), first);
  });

  it('keeps no credentials', () => {
    const cache = new HeadCache();
    const buf = Buffer.from('authorization: Basic c2VjcmV0\r\n\r\n', 'latin1');
    const got = new Set(Array.from({ length: 5 }, () => cache.get(buf, 0, buf.length, DEFAULT_LIMITS)));
    assert.deepEqual([got.size, cache.size], [5, 0]);
  });
});
