import type { Clock } from '../../lib/clock.ts';
import type { ProxyError } from '../errors.ts';
import type { RequestHead, ResponseHead } from '../message/contract.ts';
import type { HttpDate } from '../message/date.ts';

export interface Limits {
  /** streams that the peer may have open at once (SETTINGS_MAX_CONCURRENT_STREAMS); for a client, the most that it opens whatever the peer allows */
  maxConcurrentStreams: number;
  /** octets of a header list, counted as RFC 9113 6.5.2 does */
  maxHeaderListSize: number;
  /** frames of one header block after its HEADERS frame */
  maxContinuations: number;
  /** milliseconds until the peer must have acknowledged our SETTINGS (and so have sent its preface), or completed a frame or header block that it began */
  answerTimeoutMs: number;
  /** milliseconds in which a peer has to make some progress with a body that it sends, or that it is to read */
  progressTimeoutMs: number;
}

export const LIMITS: Limits = { maxConcurrentStreams: 1000, maxHeaderListSize: 64 * 1024, maxContinuations: 64, answerTimeoutMs: 10_000, progressTimeoutMs: 5 * 60_000 };

export interface ClientOptions {
  clock: Clock;
  /** counts one thing refused or cut off, by a stable reason such as 'rapid-reset' */
  count: (reason: string) => void;
  /** PING after intervalMs without a byte from the peer; the connection is dead when timeoutMs more bring none */
  keepAlive?: { intervalMs: number; timeoutMs: number } | null;
  limits?: Partial<Limits>;
  /** an exception thrown by a service or layer, after the connection was ended for it; without this it is thrown on */
  bug?: (error: unknown) => void;
}

export interface ServerOptions extends ClientOptions {
  /** for responses that come without */
  date?: HttpDate;
  /** the response to a request that this codec answers by itself (431); it is sent without a body */
  refuse: (error: ProxyError, head: RequestHead | null) => ResponseHead;
}
