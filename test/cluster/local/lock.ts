/** One run at a time, by flock(1): the kernel lets go when the holder dies, so a killed run blocks nobody. */
import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { ClusterError, type Progress } from '../provider.ts';

const PATIENCE_MS = 1000;

/** Runs `work` while holding the lock on `path` (made if missing); says so if it has to wait for another process. */
export async function locked<T>(path: string, log: Progress, work: () => Promise<T>): Promise<T> {
  const release = await acquire(path, log);
  try {
    return await work();
  } finally {
    await release();
  }
}

async function acquire(path: string, log: Progress): Promise<() => Promise<void>> {
  await mkdir(dirname(path), { recursive: true });
  // cat lives until our end of its input closes, which happens however this process ends.
  const holder = spawn('flock', [path, 'sh', '-c', 'echo locked; exec cat'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = new Promise<void>((resolve) => void holder.on('close', () => resolve()));
  const patience = setTimeout(() => log(`waiting for another run that holds ${path}`), PATIENCE_MS);
  try {
    await new Promise<void>((resolve, reject) => {
      createInterface(holder.stdout).once('line', () => resolve());
      holder.once('error', reject);
      void ended.then(() => reject(new Error('it ended at once')));
    });
  } catch (error) {
    throw new ClusterError(`Could not lock ${path}: ${(error as Error).message}. The lock is taken with flock from util-linux; check that it is installed and that the folder can be written.`, { cause: error });
  } finally {
    clearTimeout(patience);
  }
  return async () => {
    holder.stdin.end();
    await ended;
  };
}
