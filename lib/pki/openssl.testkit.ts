import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder for the length of `body`. */
export async function inTemporaryFolder<T>(body: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-test-'));
  try {
    return await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs openssl with these files in its working folder and gives what it prints; throws when it fails. */
export async function openssl(args: string[], files: Record<string, string | Uint8Array>): Promise<string> {
  return inTemporaryFolder((cwd) => {
    for (const [name, content] of Object.entries(files)) writeFileSync(join(cwd, name), content);
    return execFileSync('openssl', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  });
}
