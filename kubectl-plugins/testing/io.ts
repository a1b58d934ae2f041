import type { Files, Io, Output } from '../shared/io.ts';

/** 2026-01-01T00:00:00Z: where the clock of a test starts. */
export const START = Date.UTC(2026, 0, 1);

export interface TestIo extends Io {
  /** what was written so far */
  out: () => string;
  err: () => string;
  interrupt: () => void;
}

export interface TestIoOptions {
  stdin?: string;
  files?: Record<string, string>;
  /** called on every sleep with the time that has passed, so that the world can change meanwhile */
  onSleep?: (elapsedMs: number, io: TestIo) => void;
  now?: number;
  /** width of the terminal that stderr is; 0 or none: it is none */
  columns?: number;
}

/** An Io of buffers. Its clock moves only by sleeping, which takes no time. */
export function testIo(options: TestIoOptions = {}): TestIo {
  const start = options.now ?? START;
  let now = start;
  const stdout = buffer();
  const stderr = buffer(options.columns);
  const interruption = new AbortController();
  const io: TestIo = {
    stdin: { text: () => Promise.resolve(options.stdin ?? ''), tty: false },
    stdout,
    stderr,
    now: () => now,
    sleep: async (ms) => {
      now += ms;
      options.onSleep?.(now - start, io);
      await new Promise((resolve) => { setImmediate(resolve); });
    },
    signal: interruption.signal,
    files: memoryFiles(options.files ?? {}),
    out: () => stdout.text(),
    err: () => stderr.text(),
    interrupt: () => interruption.abort(),
  };
  return io;
}

function buffer(columns = 0): Output & { text(): string } {
  const chunks: string[] = [];
  return { write: (chunk) => void chunks.push(chunk), drained: () => Promise.resolve(), tty: columns > 0, color: columns > 0, columns, text: () => chunks.join('') };
}

function memoryFiles(files: Record<string, string>): Files {
  return {
    read: (path) => (path in files ? Promise.resolve(files[path]!) : Promise.reject(new Error(`ENOENT: no such file or directory, open '${path}'`))),
    kind: (path) => {
      if (path in files) return Promise.resolve('file' as const);
      const folder = Object.keys(files).some((f) => f.startsWith(`${path.replace(/\/+$/, '')}/`));
      return Promise.resolve(folder ? 'directory' : undefined);
    },
    list: (path) => {
      const below = Object.keys(files).filter((f) => f.startsWith(`${path}/`)).map((f) => f.slice(path.length + 1).split('/')[0]!);
      return Promise.resolve([...new Set(below)].sort());
    },
  };
}
