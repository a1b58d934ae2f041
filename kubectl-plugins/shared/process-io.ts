import { once } from 'node:events';
import { readdir, readFile, stat } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import type { Env } from '../env.ts';
import type { Files, Io, Output } from './io.ts';

/** The Io of a real process. */
export function processIo(env: Env, signal: AbortSignal, std: Pick<NodeJS.Process, 'stdin' | 'stdout' | 'stderr'>): Io {
  return {
    stdin: { text: () => text(std.stdin), tty: std.stdin.isTTY },
    stdout: output(std.stdout, env),
    stderr: output(std.stderr, env),
    now: () => Date.now(),
    sleep: (ms, clearingUp) => delay(ms, undefined, clearingUp ? {} : { signal }).catch(() => undefined),
    signal,
    files,
  };
}

function output(stream: NodeJS.WriteStream, env: Env): Output {
  // Node leaves isTTY undefined where there is no terminal, whatever its types say; undefined would let the colour library decide by itself.
  const tty = (stream.isTTY as boolean | undefined) === true && !env.dumbTerminal;
  return {
    write: (chunk) => void stream.write(chunk),
    drained: async () => {
      if (stream.writableNeedDrain) await once(stream, 'drain');
    },
    tty,
    color: env.forceColor || (tty && !env.noColor),
    get columns() {
      return stream.isTTY ? stream.columns : 0;
    },
  };
}

const files: Files = {
  read: (path) => readFile(path, 'utf8'),
  async kind(path) {
    const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
      throw error;
    });
    if (!found) return undefined;
    return found.isDirectory() ? 'directory' : 'file';
  },
  list: async (path) => (await readdir(path)).sort(),
};
