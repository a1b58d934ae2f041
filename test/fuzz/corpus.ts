/** Saved inputs: one file each under corpus/TARGET/. Every input that ever broke something stays here, and is run by the unit suite. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const HERE = path.join(import.meta.dirname, 'corpus');

export interface Saved { file: string; bytes: Buffer }

export function load(target: string): Saved[] {
  const dir = path.join(HERE, target);
  if (!existsSync(dir)) return [];
  return readdirSync(dir).sort().map((file) => ({ file, bytes: readFileSync(path.join(dir, file)) }));
}

/** Writes an input under a name made of its content; returns the name. */
export function save(target: string, kind: 'crash' | 'seed', bytes: Buffer): string {
  const file = `${kind}-${createHash('sha256').update(bytes).digest('hex').slice(0, 12)}`;
  mkdirSync(path.join(HERE, target), { recursive: true });
  writeFileSync(path.join(HERE, target, file), bytes);
  return file;
}
