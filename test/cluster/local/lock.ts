/** One run at a time, by flock(1): the kernel lets go when the holder dies, so a killed run blocks nobody. */
import { spawn } from 'node:child_process';
import { mkdir, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { lastLines } from '../exec.ts';
import { ClusterError, interrupted, type Progress } from '../provider.ts';

const PATIENCE_MS = 1000;

export interface LockOptions {
  /** removes the file when the work is done */
  remove?: boolean;
  /** ends the wait for the lock, not the work */
  signal?: AbortSignal | undefined;
}

/** Runs `work` while holding the lock on `path` (made if missing); says so if it has to wait for another process. */
export async function locked<T>(path: string, log: Progress, work: () => Promise<T>, options: LockOptions = {}): Promise<T> {
  const release = await acquire(path, log, options.signal);
  try {
    return await work();
  } finally {
    if (options.remove === true) await rm(path, { force: true });
    await release();
  }
}

/** Someone may have removed the file while this process waited for it; the lock then guards nothing, so it is taken again. */
async function acquire(path: string, log: Progress, signal: AbortSignal | undefined): Promise<() => Promise<void>> {
  const patience = setTimeout(() => log(`waiting for another run, which holds ${path}`), PATIENCE_MS);
  try {
    await mkdir(dirname(path), { recursive: true });
    for (;;) {
      const { identity, release } = await hold(path, signal);
      if (identity === (await identityOf(path))) return release;
      await release();
    }
  } catch (error) {
    if (signal?.aborted) throw interrupted();
    throw new ClusterError(
      `Could not lock ${path}: ${(error as Error).message}. The lock is taken with flock from util-linux; check that it is installed and that the folder can be written.`,
      { cause: error },
    );
  } finally {
    clearTimeout(patience);
  }
}

/** Locks the file of its first argument, says which file that was, and stays until its input ends. */
const HOLD = 'exec 9>>"$1" && flock 9 && stat -L -c %d:%i /proc/self/fd/9 && exec cat';

async function hold(path: string, signal: AbortSignal | undefined): Promise<{ identity: string; release: () => Promise<void> }> {
  // cat lives until our end of its input closes, which happens however this process ends. In a session of its own it
  // survives a Ctrl-C, after which the lock is still needed for cleaning up.
  const holder = spawn('sh', ['-c', HOLD, 'sh', path], { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  let complaint = '';
  holder.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  const ended = new Promise<void>((resolve) => void holder.on('close', () => resolve()));
  // With its group, because the shell's child flock is what waits.
  const giveUp = () => {
    if (holder.pid !== undefined && holder.exitCode === null && holder.signalCode === null) process.kill(-holder.pid);
  };
  signal?.addEventListener('abort', giveUp);
  if (signal?.aborted) giveUp();
  const identity = await new Promise<string>((resolve, reject) => {
    createInterface(holder.stdout).once('line', resolve);
    holder.once('error', reject);
    void ended.then(() => reject(new Error(lastLines(complaint))));
  }).finally(() => signal?.removeEventListener('abort', giveUp));
  const release = async () => {
    holder.stdin.end();
    await ended;
  };
  return { identity, release };
}

async function identityOf(path: string): Promise<string> {
  return stat(path).then(({ dev, ino }) => `${dev}:${ino}`, () => '');
}
