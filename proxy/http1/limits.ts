/** Bounds of what one HTTP/1 peer may send. Bytes unless said. */
export interface Http1Limits {
  /** start line and field lines together; beyond it a request gets 431 */
  maxHeadBytes: number;
  /** request line; beyond it 414 */
  maxRequestLineBytes: number;
  /** field lines of one head; beyond it 431 */
  maxFields: number;
  /** trailer section of one message */
  maxTrailerBytes: number;
  /** chunk extensions of one message, together */
  maxChunkExtensionBytes: number;
}

export const DEFAULT_LIMITS: Http1Limits = {
  maxHeadBytes: 64 * 1024,
  maxRequestLineBytes: 16 * 1024,
  maxFields: 1000,
  maxTrailerBytes: 16 * 1024,
  maxChunkExtensionBytes: 4 * 1024,
};

/** Rest of a request body that is read and dropped so that the connection can go on after an early answer. */
export const DISCARD_LIMIT = 256 * 1024;
/** Time for the peer to read a last answer and close, ms. */
export const LINGER_MS = 2000;
/** Time that an idle connection stays open for a request already on its way once draining, ms. */
export const DRAIN_IDLE_MS = 1000;
/** Time that the rest of a request may wait for credit once its response is complete, ms. */
export const STALL_MS = 5000;
/** 1xx responses before the final one. */
export const MAX_INFORMATIONAL = 32;
