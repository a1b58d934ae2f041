import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { lineSplitter } from './lines.ts';

describe('line splitter', () => {
  it('gives the same lines however the bytes are cut', () => {
    const line = fc.string({ unit: 'binary' }).filter((s) => !s.includes('\n') && s.trim() !== '' && s.isWellFormed());
    fc.assert(fc.property(fc.array(line), fc.array(fc.nat(7), { minLength: 1 }), (lines, cuts) => {
      const bytes = Buffer.from(lines.map((one) => `${one}\n`).join(''));
      const split = lineSplitter();
      const got: string[] = [];
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const size = 1 + cuts[i % cuts.length]!;
        got.push(...split(bytes.subarray(at, at + size)));
        at += size;
      }
      assert.deepEqual(got, lines);
    }));
  });

  it('holds back an unfinished line, skips empty ones and refuses endless ones', () => {
    const split = lineSplitter();
    assert.deepEqual(split(Buffer.from('a\n\n \nb')), ['a']);
    assert.deepEqual(split(Buffer.from('c\n')), ['bc']);
    assert.throws(() => split(Buffer.alloc(9 * 1024 * 1024)), RangeError);
  });
});
