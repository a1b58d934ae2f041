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

export function parseLevel(text: string): Level | null {
  return Object.hasOwn(ORDER, text) ? (text as Level) : null;
}
