import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { againstGolden } from '../../lib/testing/golden.ts';

/** Cases of a testdata folder: x.input.yaml gives the name x and its documents. */
export function goldenCases(folder: string): { name: string; documents: unknown[] }[] {
  return readdirSync(folder).filter((f) => f.endsWith('.input.yaml')).sort().map((file) => ({
    name: file.slice(0, -'.input.yaml'.length),
    documents: parseAllDocuments(readFileSync(join(folder, file), 'utf8')).map((d) => d.toJS() as unknown),
  }));
}

/** Compares `value` with the YAML file by structure; UPDATE_GOLDEN=1 rewrites the file instead. */
export function matchesGolden(folder: string, file: string, value: unknown): void {
  const plain: unknown = JSON.parse(JSON.stringify(value));
  againstGolden(join(folder, file), stringify(plain, { lineWidth: 0, aliasDuplicateObjects: false }), (stored) => assert.deepEqual(plain, parse(stored)));
}
