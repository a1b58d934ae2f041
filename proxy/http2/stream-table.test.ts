import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Stream } from './stream.ts';
import { StreamTable } from './stream-table.ts';

describe('http2: the table of open streams', () => {
  it('is what a map is, whatever the distances between ids', () => {
    const step = fc.record({ grow: fc.boolean(), by: fc.constantFrom(2, 4, 32, 256, 65_536), pick: fc.nat(1000) });
    fc.assert(fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const table = new StreamTable();
      const model = new Map<number, Stream>();
      let id = 1;
      for (const { grow, by, pick } of steps) {
        if (grow || model.size === 0) {
          const stream = { id } as Stream;
          table.add(stream);
          model.set(id, stream);
          id += by;
        } else {
          const gone = [...model.keys()][pick % model.size]!;
          table.delete(gone);
          table.delete(gone);
          model.delete(gone);
          assert.equal(table.get(gone), undefined);
        }
        assert.equal(table.size, model.size);
        for (const [known, stream] of model) assert.equal(table.get(known), stream);
      }
      assert.deepEqual(table.all(), [...model.values()]);
      assert.equal(table.get(id), undefined);
    }));
  });
});
