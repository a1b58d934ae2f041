import assert from 'node:assert/strict';
import { sharedSnapshots, snapshot } from './snapshot.ts';

describe('snapshots', () => {
  it('stay the same object while nothing differs, and when what they were made from has gone', () => {
    const first = snapshot({ a: 1 }, undefined);
    assert.equal(snapshot({ a: 1 }, first), first);
    assert.equal(snapshot(undefined, first), first);
    assert.notEqual(snapshot({ a: 2 }, first), first);
    assert.deepEqual(snapshot(undefined, undefined), { policy: undefined, text: '' });
  });

  it('are one object for all who would have equal ones', () => {
    const shared = sharedSnapshots<{ a: number }>();
    const one = shared(snapshot({ a: 1 }, undefined));
    assert.equal(shared(snapshot({ a: 1 }, undefined)), one);
    assert.notEqual(shared(snapshot({ a: 2 }, undefined)), one);
  });
});
