import assert from 'node:assert/strict';
import { join } from 'node:path';
import { againstGolden } from '../../lib/testing/golden.ts';

/** Progress without what differs from run to run: the port of the fake cluster, and times. */
export function timeless(text: string): string {
  return text.replaceAll(/127\.0\.0\.1:\d+/g, 'CLUSTER').replaceAll(/\((\d+m)?[\d.]+s\)/g, '(TIME)');
}

/** Compares a text with a file in the folder `testdata` beside the test; UPDATE_GOLDEN=1 rewrites the file instead. */
export function matchesGolden(test: ImportMeta, file: string, actual: string): void {
  const path = join(test.dirname, 'testdata', file);
  againstGolden(path, actual, (stored) => assert.equal(actual, stored, `${file} differs; if that is meant, UPDATE_GOLDEN=1 rewrites it`));
}
