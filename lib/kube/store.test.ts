import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { keyOf, Store } from './store.ts';
import type { KubeObject } from './types.ts';

const label = (object: KubeObject): string[] => Object.values(object.metadata.labels ?? {});

describe('store', () => {
  it('keeps indexes in step with any sequence of writes', () => {
    const object = fc.record({
      metadata: fc.record({ name: fc.constantFrom('a', 'b', 'c'), namespace: fc.constantFrom('x', 'y'), labels: fc.dictionary(fc.constantFrom('k', 'l'), fc.constantFrom('1', '2', '3')) }),
    });
    const write = fc.record({ remove: fc.boolean(), object });
    fc.assert(fc.property(fc.array(write), (writes) => {
      const store = new Store<KubeObject>({ label });
      const model = new Map<string, KubeObject>();
      for (const { remove, object: one } of writes) {
        const key = keyOf(one);
        assert.equal(remove ? store.delete(key) : store.set(key, one), model.get(key));
        if (remove) model.delete(key);
        else model.set(key, one);
      }
      assert.equal(store.size, model.size);
      for (const value of ['1', '2', '3']) {
        const want = [...model.values()].filter((one) => label(one).includes(value));
        assert.deepEqual(new Set(store.by('label', value)), new Set(want));
      }
    }));
  });

  it('refuses an index that nobody declared', () => {
    assert.throws(() => new Store().by('nope', ''), /no index "nope"/);
    assert.equal(keyOf({ metadata: { name: 'n' } }), 'n');
  });
});
