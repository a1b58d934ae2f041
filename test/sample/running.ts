/** What every serving role gives back once it listens. */
export interface Running {
  /** the port it listens on */
  port: number;
  /** The pod is going away: readiness fails and connections are handed back after their answer, yet everything is still served. */
  drain(): void;
  /** Accepts nothing more; resolves when all that was accepted is finished. */
  close(): Promise<void>;
}

/** What roles need from the world. */
export interface Io {
  out: (line: string) => void;
  /** milliseconds on a clock that never goes back */
  now: () => number;
  /** calls `fn` each `ms` milliseconds until the function returned is called */
  every: (ms: number, fn: () => void) => () => void;
  sleep: (ms: number) => Promise<void>;
}

/** Message of anything thrown. */
export function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Node joins the failed addresses of one name in an AggregateError with an empty message.
  if (error instanceof AggregateError) return error.errors.map(reason).join(', ');
  const code = (error as NodeJS.ErrnoException).code;
  return error.message || code || error.name;
}
