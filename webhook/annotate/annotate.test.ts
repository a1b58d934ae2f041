import assert from 'node:assert/strict';
import { join } from 'node:path';
import { applyPatch } from 'rfc6902';
import type { NamespaceLike } from '../metadata.ts';
import type { JsonPatchOp } from '../patch.ts';
import { goldenCases, matchesGolden } from '../testing/golden.ts';
import { mirrorToLabel } from './namespace.ts';
import { type WorkloadLike, carryToTemplate } from './workload.ts';

/** An input is the object and, for an update, the object before it. The answer must leave nothing to do for a second call. */
function check<T>(folder: string, name: string, object: T, old: T | undefined, change: (object: T, old?: T) => { operations: JsonPatchOp[] }): void {
  const result = change(object, old);
  matchesGolden(folder, `${name}.golden.yaml`, result);
  assert.deepEqual(applyPatch(object, structuredClone(result.operations)).filter((e) => e !== null), []);
  matchesGolden(folder, `${name}.patched.yaml`, object);
  assert.deepEqual(change(object, object).operations, []);
}

describe('annotations of a workload carried into its template', () => {
  const folder = join(import.meta.dirname, 'testdata/workload');
  for (const { name, documents } of goldenCases(folder)) {
    const [object, old] = documents as [WorkloadLike, WorkloadLike?];
    it(name, () => check(folder, name, object, old, carryToTemplate));
  }
});

describe('annotations of a namespace mirrored into its label', () => {
  const folder = join(import.meta.dirname, 'testdata/namespace');
  for (const { name, documents } of goldenCases(folder)) {
    const [object, old] = documents as [NamespaceLike, NamespaceLike?];
    it(name, () => check(folder, name, object, old, mirrorToLabel));
  }
});
