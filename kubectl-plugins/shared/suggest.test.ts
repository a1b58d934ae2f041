import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { distance, suggest } from './suggest.ts';

describe('suggestions', () => {
  it('find what was meant and stay silent otherwise', () => {
    const names = ['install', 'uninstall', 'inject', 'uninject', 'stat', 'edges'];
    assert.equal(suggest('instal', names), 'install');
    assert.equal(suggest('isntall', names), 'install');
    assert.equal(suggest('STATS', names), 'stat');
    assert.equal(suggest('edg', names), 'edges');
    assert.equal(suggest('dashboard', names), undefined);
    assert.equal(suggest('', names), undefined);
  });

  it('measure a distance: none to itself, the same both ways, no more than the longer word', () => {
    fc.assert(fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
      assert.equal(distance(a, a), 0);
      assert.equal(distance(a, b), distance(b, a));
      assert.ok(distance(a, b) <= Math.max(a.length, b.length));
      assert.equal(distance(a, b) === 0, a === b);
    }));
  });
});
