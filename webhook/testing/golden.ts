import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments, stringify } from 'yaml';

/** Cases of a testdata folder: x.input.yaml gives the name x and its documents. */
export function goldenCases(folder: string): { name: string; documents: unknown[] }[] {
  return readdirSync(folder).filter((f) => f.endsWith('.input.yaml')).sort().map((file) => ({
    name: file.slice(0, -'.input.yaml'.length),
    documents: parseAllDocuments(readFileSync(join(folder, file), 'utf8')).map((d) => d.toJS() as unknown),
  }));
}

/** Compares `value` with the YAML file by structure; UPDATE_GOLDEN=1 rewrites the file instead. */
export function matchesGolden(folder: string, file: string, value: unknown): void {
  const path = join(folder, file);
  const plain: unknown = JSON.parse(JSON.stringify(value));
  if (process.env['UPDATE_GOLDEN'] === '1') {
    writeFileSync(path, stringify(plain, { lineWidth: 0, aliasDuplicateObjects: false }));
    return;
  }
  assert.ok(existsSync(path), `${file} is missing; UPDATE_GOLDEN=1 writes it`);
  assert.deepEqual(plain, parse(readFileSync(path, 'utf8')));
}
