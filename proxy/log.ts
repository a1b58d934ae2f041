/** One JSON object a line, like the control plane's logs, without a logging library's memory. */
export type Level = 'error' | 'warn' | 'info' | 'debug';
const ORDER: Record<Level, number> = { error: 0, warn: 1, info: 2, debug: 3 };

export class Log {
  /** writes a finished line as it is, whatever the level */
  readonly raw: (line: string) => void;
  private threshold: number;
  private readonly now: () => number;

  constructor(level: Level, write: (line: string) => void, now: () => number) {
    this.threshold = ORDER[level];
    this.raw = write;
    this.now = now;
  }

  get level(): Level {
    return (Object.keys(ORDER) as Level[]).find((l) => ORDER[l] === this.threshold)!;
  }

  setLevel(level: Level): void {
    this.threshold = ORDER[level];
  }

  error(msg: string, fields: object = {}): void { this.line('error', msg, fields); }
  warn(msg: string, fields: object = {}): void { this.line('warn', msg, fields); }
  info(msg: string, fields: object = {}): void { this.line('info', msg, fields); }
  debug(msg: string, fields: object = {}): void { this.line('debug', msg, fields); }

  private line(level: Level, msg: string, fields: object): void {
    if (ORDER[level] > this.threshold) return;
    this.raw(`${JSON.stringify({ level, time: new Date(this.now()).toISOString(), msg, ...fields })}\n`);
  }
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
