import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { UPDATE_GOLDEN } from './env.ts';

/** Hands the text stored in a golden file to `compare`; with UPDATE_GOLDEN=1 the file is rewritten with `actual` instead. */
export function againstGolden(path: string, actual: string, compare: (stored: string) => void): void {
  if (UPDATE_GOLDEN) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, actual);
    return;
  }
  assert.ok(existsSync(path), `${path} is missing; UPDATE_GOLDEN=1 writes it`);
  compare(readFileSync(path, 'utf8'));
}
