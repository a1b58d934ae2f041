import { STATUS, type StatusCode } from './status.ts';

/** Compressed flag and length, ahead of every message. */
export const PREFIX_BYTES = 5;
/** What grpc implementations accept by default. */
export const DEFAULT_MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

export class FrameError extends Error {
  override readonly name = 'FrameError';
  /** what to end the call with */
  readonly status: StatusCode;

  constructor(status: StatusCode, message: string) {
    super(message);
    this.status = status;
  }
}

/** One length-prefixed message, not compressed. */
export function frame(message: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  out[0] = 0;
  out.writeUInt32BE(message.length, 1);
  out.set(message, PREFIX_BYTES);
  return out;
}

/**
 * Cuts a stream of DATA bytes into messages, whatever the chunks.
 * `onMessage` gets bytes that are borrowed for the call: a message that lies whole in a chunk is not copied.
 * `push` throws FrameError on compressed or oversize messages; the parser is of no use afterwards.
 */
export class FrameParser {
  readonly #onMessage: (message: Uint8Array) => void;
  readonly #max: number;
  readonly #prefix = Buffer.allocUnsafe(PREFIX_BYTES);
  #prefixLength = 0;
  /** message that spans chunks, filled up to #have */
  #message: Buffer | null = null;
  #have = 0;

  constructor(onMessage: (message: Uint8Array) => void, max = DEFAULT_MAX_MESSAGE_BYTES) {
    this.#onMessage = onMessage;
    this.#max = max;
  }

  push(chunk: Uint8Array, start = 0, end = chunk.length): void {
    let at = start;
    while (at < end) {
      if (this.#message !== null) {
        at = this.#fill(this.#message, chunk, at, end);
        continue;
      }
      while (this.#prefixLength < PREFIX_BYTES && at < end) this.#prefix[this.#prefixLength++] = chunk[at++]!;
      if (this.#prefixLength < PREFIX_BYTES) return;
      this.#prefixLength = 0;
      const length = this.#lengthOfNext();
      if (length <= end - at) {
        this.#onMessage(chunk.subarray(at, at + length));
        at += length;
      } else {
        this.#message = Buffer.allocUnsafe(length);
        this.#have = 0;
      }
    }
  }

  /** True when no message is cut off: the stream may end here. */
  get idle(): boolean {
    return this.#message === null && this.#prefixLength === 0;
  }

  #lengthOfNext(): number {
    const flag = this.#prefix[0]!;
    if (flag === 1) throw new FrameError(STATUS.UNIMPLEMENTED, 'compressed gRPC message, though no encoding was offered');
    if (flag !== 0) throw new FrameError(STATUS.INTERNAL, `gRPC message with flags 0x${flag.toString(16)}`);
    const length = this.#prefix.readUInt32BE(1);
    if (length > this.#max) throw new FrameError(STATUS.RESOURCE_EXHAUSTED, `gRPC message of ${length} bytes, more than ${this.#max}`);
    return length;
  }

  #fill(message: Buffer, chunk: Uint8Array, at: number, end: number): number {
    const n = Math.min(message.length - this.#have, end - at);
    message.set(chunk.subarray(at, at + n), this.#have);
    this.#have += n;
    if (this.#have === message.length) {
      this.#message = null;
      this.#onMessage(message);
    }
    return at + n;
  }
}
