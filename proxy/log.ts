/** One JSON object a line, like the control plane's logs, or plain text, without a logging library's memory. */
export type Level = 'error' | 'warn' | 'info' | 'debug';
const ORDER: Record<Level, number> = { error: 0, warn: 1, info: 2, debug: 3 };

/** Characters that may wait for the end of a turn. */
const MAX_WAITING = 64 * 1024;

export type LogFormat = 'json' | 'plain';

export function isLogFormat(text: string): text is LogFormat {
  return text === 'json' || text === 'plain';
}

export class Log {
  private readonly format: LogFormat;
  private readonly write: (text: string) => void;
  private waiting = '';
  private threshold: number;
  private readonly now: () => number;

  constructor(level: Level, write: (line: string) => void, now: () => number, format: LogFormat = 'json') {
    this.format = format;
    this.threshold = ORDER[level];
    this.write = write;
    this.now = now;
  }

  get level(): Level {
    return (Object.keys(ORDER) as Level[]).find((l) => ORDER[l] === this.threshold)!;
  }

  setLevel(level: Level): void {
    this.threshold = ORDER[level];
  }

  /**
   * A finished line as it is, whatever the level. Lines of one turn of the event loop are written together: the container's log is a pipe, and each write to
   * it waits for the system.
   */
  readonly raw = (line: string): void => {
    if (this.waiting === '') setImmediate(() => this.flush());
    this.waiting += line;
    if (this.waiting.length >= MAX_WAITING) this.flush();
  };

  /** Writes what waits; for the end of the process. */
  flush(): void {
    const text = this.waiting;
    this.waiting = '';
    if (text !== '') this.write(text);
  }

  error(msg: string, fields: object = {}): void { this.line('error', msg, fields); }
  warn(msg: string, fields: object = {}): void { this.line('warn', msg, fields); }
  info(msg: string, fields: object = {}): void { this.line('info', msg, fields); }
  debug(msg: string, fields: object = {}): void { this.line('debug', msg, fields); }

  private line(level: Level, msg: string, fields: object): void {
    if (ORDER[level] > this.threshold) return;
    this.flush();
    const time = new Date(this.now()).toISOString();
    this.write(this.format === 'json' ? `${JSON.stringify({ level, time, msg, ...fields })}\n` : plain(level, time, msg, fields));
  }
}

/** For eyes: time, level, message, then the fields as key=value. Values are JSON, so that a line stays a line. */
function plain(level: Level, time: string, msg: string, fields: object): string {
  return `${time} ${level.toUpperCase().padEnd(5)} ${msg}${Object.entries(fields).map(([k, v]) => ` ${k}=${JSON.stringify(v)}`).join('')}\n`;
}

/**
 * A level, or a filter in the form of Linkerd's log variables, e.g. "warn,linkerd=info,hickory=error": the most talkative level in it counts, for
 * everything. null for what is neither.
 */
export function parseLevel(text: string): Level | null {
  let found: Level | null = null;
  for (const part of text.split(',')) {
    const name = part.slice(part.indexOf('=') + 1).trim().toLowerCase();
    const level = name === 'trace' ? 'debug' : name === 'off' ? 'error' : name;
    if (!Object.hasOwn(ORDER, level)) return null;
    if (found === null || ORDER[level as Level] > ORDER[found]) found = level as Level;
  }
  return found;
}
