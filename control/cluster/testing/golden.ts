import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { againstGolden } from '../../../lib/testing/golden.ts';

/** Names of the cases in a folder: NAME.input.yaml. */
export function cases(directory: string): string[] {
  return readdirSync(directory).filter((file) => file.endsWith('.input.yaml')).map((file) => file.slice(0, -'.input.yaml'.length)).sort();
}

/** Compares with NAME.golden.json; UPDATE_GOLDEN=1 writes it instead. */
export function assertGolden(directory: string, name: string, value: unknown): void {
  const file = join(directory, `${name}.golden.json`);
  const text = `${JSON.stringify(value, undefined, 2)}\n`;
  againstGolden(file, text, (stored) => assert.deepEqual(JSON.parse(text), JSON.parse(stored), `differs from ${file}`));
}
