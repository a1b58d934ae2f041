/** Child processes: one function that everything here is given, so that tests can stand in for it. */
import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { constants } from 'node:os';
import { ClusterError } from './provider.ts';

export interface ExecOptions {
  /** text for its standard input */
  input?: string;
  /** file for its standard input */
  inputFile?: string;
  cwd?: string;
  env?: Record<string, string | undefined>;
  /** each line of standard error as it comes */
  onLine?: (line: string) => void;
  /** ends the program (SIGTERM) when aborted */
  signal?: AbortSignal;
}

export interface ExecResult {
  /** exit status; 127 if the program was not found, 128 + n if signal n ended it */
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end; a non-zero status is a result, not an error. */
export type Exec = (command: string, args: readonly string[], options?: ExecOptions) => Promise<ExecResult>;

const SIGNAL_BASE = 128;

export const exec: Exec = (command, args, options = {}) =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: options.cwd, env: options.env, stdio: 'pipe' });
    let stdout = '';
    let stderr = '';
    let rest = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) options.onLine?.(line);
    });
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') resolve({ code: 127, stdout, stderr: `${command}: not found` });
      else reject(error);
    });
    const stop = () => void child.kill();
    options.signal?.addEventListener('abort', stop);
    if (options.signal?.aborted) stop();
    child.on('close', (code, signal) => {
      options.signal?.removeEventListener('abort', stop);
      resolve({ code: code ?? SIGNAL_BASE + constants.signals[signal!], stdout, stderr });
    });
    // The child may end before it has read all its input; its status says whether that matters.
    child.stdin.on('error', () => undefined);
    if (options.inputFile === undefined) child.stdin.end(options.input ?? '');
    else {
      createReadStream(options.inputFile)
        .on('error', (error) => {
          child.kill();
          reject(error);
        })
        .pipe(child.stdin);
    }
  });

/** The same, ending its programs when the signal is aborted. */
export function interruptible(run: Exec, signal: AbortSignal | undefined): Exec {
  return signal === undefined ? run : (command, args, options) => run(command, args, { ...options, signal });
}

/** Runs a program that must succeed; returns its standard output. `what` completes "Could not …". */
export async function must(run: Exec, what: string, command: string, args: readonly string[], options?: ExecOptions): Promise<string> {
  const result = await run(command, args, options);
  if (result.code === 0) return result.stdout;
  throw new ClusterError(`Could not ${what}. \`${[command, ...args].join(' ')}\` ended with status ${result.code}: ${lastLines(result.stderr || result.stdout)}`);
}

/** The end of a program's output in one line, for error messages. */
export function lastLines(text: string, count = 4): string {
  return text.trim().split('\n').slice(-count).join(' | ') || '(no output)';
}
