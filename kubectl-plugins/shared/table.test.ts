import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { table } from './table.ts';

describe('tables', () => {
  it('line up, numbers on the right, without spaces at line ends', () => {
    const text = table([{ heading: 'NAME' }, { heading: 'RPS', align: 'right' }, { heading: 'SECURED' }], [['web', '1.0rps', '√'], ['books-long', '-', '']]);
    assert.equal(text, 'NAME            RPS   SECURED\nweb          1.0rps   √\nbooks-long        -\n');
  });

  it('keep every cell in its column', () => {
    const cell = fc.stringMatching(/^[a-z0-9√×µ-]{1,12}$/);
    fc.assert(fc.property(fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 6 }), (rows) => {
      const lines = table([{ heading: 'A' }, { heading: 'B', align: 'right' }, { heading: 'C' }], rows).trimEnd().split('\n').slice(1);
      assert.deepEqual(lines.map((l) => l.split(/ +/).filter(Boolean)), rows);
    }));
  });
});
