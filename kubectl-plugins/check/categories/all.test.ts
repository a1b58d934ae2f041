import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { categories } from './all.ts';

const DOCUMENT = join(import.meta.dirname, '../../../docs/checks.md');
const TARGET = { kubeconfig: undefined, context: undefined, as: undefined, asGroups: [] };

describe('the table of checks', () => {
  const all = [true, false].flatMap((pre) => categories({ target: TARGET, pre, waitMs: 0, namespace: undefined, output: 'table' }));
  const checks = all.flatMap((c) => c.checks);

  it('has a section in docs/checks.md for every hint, and no section without', () => {
    const sections = [...readFileSync(DOCUMENT, 'utf8').matchAll(/^## (.+)$/gm)].map((m) => m[1]!);
    assert.deepEqual([...new Set(checks.map((c) => c.hint))].sort(), sections.toSorted());
  });

  it('says each thing once', () => {
    for (const category of all) assert.equal(new Set(category.checks.map((c) => c.description)).size, category.checks.length, category.name);
  });
});
