import { givePiece, PIECE, takePiece } from '../io/pool.ts';
import type { Fields, RequestStream } from '../message/contract.ts';

/** Less than this comes out of Node's own pool; a buffer of its own for each larger part would be a third of what a request with a body costs. */
const SMALL = 4096;

/**
 * The part of a request with a body that has passed, kept so that it can be sent again: at most `limit` bytes once it has been sent somewhere; before
 * that everything, which the contract's window bounds.
 */
export class ReplayBuffer {
  /** null: none. The first `lengths[i]` bytes of each are content */
  private chunks: Buffer[] | null = null;
  private lengths: number[] | null = null;
  private bytes = 0;
  private trailers: Fields | null = null;
  private ended_ = false;
  private lost = false;
  private sending = false;
  private readonly limit: number;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** false once something is missing */
  get complete(): boolean {
    return !this.lost;
  }

  /** the request has been received in full */
  get ended(): boolean {
    return this.ended_;
  }

  /** `unsent`: nobody else has these bytes, so they are kept whatever the limit says */
  data(buf: Buffer, start: number, end: number, unsent: boolean): void {
    if (this.lost) return;
    if (!unsent && this.bytes + end - start > this.limit) {
      this.drop();
      return;
    }
    this.bytes += end - start;
    if (end - start <= SMALL) {
      this.keep(Buffer.from(buf.subarray(start, end)), end - start);
      return;
    }
    for (let at = start; at < end; at += PIECE) {
      const piece = takePiece();
      this.keep(piece, buf.copy(piece, 0, at, Math.min(end, at + PIECE)));
    }
  }

  private keep(chunk: Buffer, length: number): void {
    (this.chunks ??= []).push(chunk);
    (this.lengths ??= []).push(length);
  }

  end(trailers: Fields | null): void {
    this.ended_ = true;
    this.trailers = trailers;
  }

  /** Sends what there is to a stream that has just been opened. */
  send(up: RequestStream): void {
    const { chunks, lengths } = this;
    if (chunks !== null) {
      this.sending = true;
      for (let i = 0; i < chunks.length; i++) up.data(chunks[i]!, 0, lengths![i]!);
      this.sending = false;
      if (this.lost) giveBack(chunks);
    }
    if (this.ended_) up.end(this.trailers);
    if (this.bytes > this.limit) this.drop();
  }

  /** It will not be needed again. */
  drop(): void {
    this.lost = true;
    // While it is being sent its buffers are in use.
    if (this.chunks !== null && !this.sending) giveBack(this.chunks);
    this.chunks = null;
    this.lengths = null;
    this.bytes = 0;
  }
}

function giveBack(chunks: Buffer[]): void {
  for (const c of chunks) givePiece(c);
}
