import type { Io } from './io.ts';
import { mark, style } from './style.ts';

/** Progress on stderr: on a terminal the current line is rewritten while a step runs; elsewhere a line a finished step. */
export interface Progress {
  /** runs one step and prints how it ended, with the seconds it took */
  step<R>(title: string, work: (detail: (text: string) => void) => Promise<R>): Promise<R>;
  note(text: string): void;
}

export function progress(io: Io, quiet = false): Progress {
  const { stderr } = io;
  const s = style(stderr);
  const live = stderr.tty && !quiet;
  const clear = (): void => (live ? stderr.write('\r\u001B[K') : undefined);

  function show(title: string, text: string, since: number): void {
    if (!live) return;
    const line = `  ${title} ${seconds(io.now() - since)}${text ? ` (${text})` : ''}`;
    clear();
    stderr.write(s.dim(stderr.columns > 0 ? line.slice(0, stderr.columns - 1) : line));
  }

  return {
    async step(title, work) {
      const start = io.now();
      show(title, '', start);
      let ended: 'success' | 'error' = 'error';
      try {
        const result = await work((text) => show(title, text, start));
        ended = 'success';
        return result;
      } finally {
        clear();
        if (!quiet) stderr.write(`${mark(stderr, ended)} ${title} ${s.dim(`(${seconds(io.now() - start)})`)}\n`);
      }
    },
    note(text) {
      if (!quiet) stderr.write(`${text}\n`);
    },
  };
}

/** "0.4s", "12s", "2m05s" */
export function seconds(ms: number): string {
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)}s`;
  const whole = Math.round(ms / 1000);
  if (whole < 60) return `${whole}s`;
  return `${Math.floor(whole / 60)}m${String(whole % 60).padStart(2, '0')}s`;
}
