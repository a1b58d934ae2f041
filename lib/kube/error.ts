import type { Status } from './types.ts';

/** Reasons for failures in which the API server had no say; every other reason is the server's own (NotFound, Conflict, Forbidden, …). */
export type LocalReason = 'Unreachable' | 'Timeout' | 'Aborted' | 'InvalidResponse';

/**
 * A call to the Kubernetes API that failed. `status` is the HTTP status, 0 when no answer came. `reason` is the machine-readable reason of
 * the Status object (meta/v1 StatusReason) or a LocalReason.
 */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  readonly status: number;
  readonly reason: string;
  readonly details: Status['details'];
  constructor(status: number, reason: string, message: string, details?: Status['details'], cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.status = status;
    this.reason = reason;
    this.details = details;
  }

  /** Milliseconds that the server asks the client to wait before it tries again, when it says so. */
  get retryAfterMs(): number | undefined {
    const seconds = this.details?.retryAfterSeconds;
    return seconds === undefined ? undefined : seconds * 1000;
  }
}

const REASONS: Record<number, string> = {
  400: 'BadRequest', 401: 'Unauthorized', 403: 'Forbidden', 404: 'NotFound', 405: 'MethodNotAllowed', 409: 'Conflict', 410: 'Expired',
  413: 'RequestEntityTooLarge', 415: 'UnsupportedMediaType', 422: 'Invalid', 429: 'TooManyRequests', 500: 'InternalError',
  503: 'ServiceUnavailable', 504: 'Timeout',
};

/** KubeError from an HTTP answer of 400 or more; the body is a Status object, or whatever a proxy in between wrote. */
export function errorFromResponse(what: string, status: number, body: string, retryAfter?: string): KubeError {
  const parsed = parseStatus(body);
  const reason = parsed?.reason || REASONS[status] || 'Unknown';
  const text = parsed?.message || body.trim().slice(0, 300) || `HTTP ${status}`;
  const seconds = retryAfter === undefined ? Number.NaN : Number(retryAfter);
  const details = Number.isFinite(seconds) ? { retryAfterSeconds: seconds, ...parsed?.details } : parsed?.details;
  return new KubeError(status, reason, `${what}: ${text}`, details);
}

/** KubeError from an ERROR event of a watch. */
export function errorFromStatus(what: string, status: Partial<Status>): KubeError {
  const code = status.code ?? 500;
  return new KubeError(code, status.reason || REASONS[code] || 'Unknown', `${what}: ${status.message ?? 'the watch failed'}`, status.details);
}

function parseStatus(body: string): Status | undefined {
  try {
    const value: unknown = JSON.parse(body);
    if (value !== null && typeof value === 'object' && (value as { kind?: unknown }).kind === 'Status') return value as Status;
  } catch {
    return undefined;
  }
  return undefined;
}

const is = (reason: string, status: number) => (error: unknown): boolean =>
  error instanceof KubeError && (error.reason === reason || error.status === status);

export const isNotFound = is('NotFound', 404);
export const isForbidden = is('Forbidden', 403);
/** The list or watch position is too old: list again. */
export const isExpired = is('Expired', 410);
export const isAlreadyExists = (error: unknown): boolean => error instanceof KubeError && error.reason === 'AlreadyExists';
/** Somebody else changed the object in between (not: it already exists). */
export const isConflict = (error: unknown): boolean => error instanceof KubeError && error.status === 409 && error.reason !== 'AlreadyExists';
