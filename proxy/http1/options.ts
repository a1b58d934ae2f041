import type { ProxyError } from '../errors.ts';
import type { ResponseHead } from '../message/contract.ts';
import type { HttpDate } from '../message/date.ts';
import type { Http1Limits } from './limits.ts';
import type { Sweeper } from './sweeper.ts';

export interface ServerOptions {
  scheme: 'http' | 'https';
  limits: Http1Limits;
  /** time for a whole request head, from its first byte (for the first request: from the start of the connection), ms */
  headTimeoutMs: number;
  /** time that a connection may be idle between requests, ms */
  idleTimeoutMs: number;
  /** time in which a peer in the middle of a message has to make progress, see stall.ts; ms */
  progressTimeoutMs: number;
  sweeper: Sweeper;
  /** counts something rejected, by its stable reason */
  count: (reason: string) => void;
  /** for responses that come without; null leaves them so */
  date: HttpDate | null;
  /** renders the answer to a request that could not be parsed */
  refuse: (error: ProxyError) => { head: ResponseHead; body: Buffer };
}

export interface ClientOptions {
  limits: Http1Limits;
  /** as of ServerOptions */
  progressTimeoutMs: number;
  sweeper: Sweeper;
  /** counts something rejected, by its stable reason */
  count: (reason: string) => void;
}
