import { pino, stdTimeFunctions, type DestinationStream, type Logger } from 'pino';

export type Log = Logger;
export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * Structured log of a control service: one JSON object a line, `time` in ISO 8601, `level` as a word. Errors go under `err`.
 * Lines are written synchronously, so that the last one is there when the process dies.
 */
export function createLog(name: string, level: LogLevel, destination: DestinationStream): Log {
  return pino({
    level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  }, destination).child({ component: name });
}

/** Log that goes nowhere. */
export function silentLog(): Log {
  return pino({ enabled: false });
}
