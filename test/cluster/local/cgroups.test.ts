import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { parseHierarchies } from './cgroups.ts';

describe('parseHierarchies', () => {
  it('finds v1 and v2', () => {
    const mounts = 'proc /proc proc rw 0 0\ncgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n';
    assert.deepEqual(parseHierarchies(mounts), [
      { path: '/sys/fs/cgroup/cpu', unified: false },
      { path: '/sys/fs/cgroup/unified', unified: true },
    ]);
  });

  it('survives any text', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseHierarchies(text)));
  });
});
