import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { checkName, ClusterError } from './provider.ts';

describe('checkName', () => {
  it('takes DNS labels of up to 20 characters', () => {
    for (const name of ['mesh', 'a', '0', 'a-b', 'x'.repeat(20)]) assert.equal(checkName(name), name);
  });

  it('refuses everything that would not fit a path, a cgroup or a namespace', () => {
    for (const name of ['', '-a', 'a-', 'A', 'a b', 'a/b', '..', 'a.b', 'x'.repeat(21), 'a\n', 'é']) assert.throws(() => checkName(name), ClusterError);
  });

  it('never lets a separator or a dot through', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        try {
          assert.match(checkName(name), /^[a-z0-9-]{1,20}$/);
        } catch (error) {
          assert.ok(error instanceof ClusterError);
        }
      }),
    );
  });
});
