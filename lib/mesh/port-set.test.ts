import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { portSet } from './port-set.ts';

describe('port sets', () => {
  it('holds exactly the ports and ranges that are written', () => {
    const range = fc.tuple(fc.integer({ min: 1, max: 65_535 }), fc.nat(300)).map(([from, more]) => [from, Math.min(from + more, 65_535)] as const);
    fc.assert(fc.property(fc.array(range, { maxLength: 5 }), fc.integer({ min: 1, max: 65_535 }), (ranges, port) => {
      const has = portSet(ranges.map(([from, to]) => (from === to ? `${from}` : ` ${from}-${to} `)).join(','));
      for (const probe of [port, ...ranges.flatMap(([from, to]) => [from - 1, from, to, to + 1])]) {
        assert.equal(has(probe), ranges.some(([from, to]) => probe >= from && probe <= to));
      }
    }));
  });

  it('knows names and ignores what it cannot read', () => {
    const has = portSet('mysql, 80-70, x-y, 99999, -1, , 25', new Map([['mysql', 3306]]));
    assert.deepEqual([3306, 25, 80, 75, 99_999, 1].map(has), [true, true, false, false, false, false]);
    assert.equal(portSet('')(80), false);
    fc.assert(fc.property(fc.string(), (text) => void portSet(text)(80)));
  });
});
