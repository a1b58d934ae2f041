/** Everything a command may touch of the process it runs in. Tests give buffers and a fixed clock. */
export interface Output {
  write(text: string): void;
  /** resolves when the reader has caught up; a long stream awaits it so that memory stays bounded */
  drained(): Promise<void>;
  readonly tty: boolean;
  readonly color: boolean;
  /** width of the terminal, 0 when it is not one */
  readonly columns: number;
}

export interface Io {
  stdin: { text(): Promise<string>; readonly tty: boolean };
  stdout: Output;
  stderr: Output;
  /** milliseconds since the epoch */
  now(): number;
  /** resolves after `ms`; at once when the signal aborts, unless what waits is the clearing up after that */
  sleep(ms: number, clearingUp?: boolean): Promise<void>;
  /** aborted by Ctrl-C or SIGTERM */
  signal: AbortSignal;
  files: Files;
}

export interface Files {
  /** throws what node:fs throws */
  read(path: string): Promise<string>;
  /** 'file', 'directory' or undefined when there is nothing */
  kind(path: string): Promise<'file' | 'directory' | undefined>;
  /** names in a directory, sorted */
  list(path: string): Promise<string[]>;
}
