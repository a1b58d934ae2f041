import type { Fields, RequestStream } from '../message/contract.ts';

/**
 * The part of a request with a body that has passed, kept so that it can be sent again: at most `limit` bytes once it has been sent somewhere; before
 * that everything, which the contract's window bounds.
 */
export class ReplayBuffer {
  /** null: none */
  private chunks: Buffer[] | null = null;
  private bytes = 0;
  private trailers: Fields | null = null;
  private ended_ = false;
  private lost = false;
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
    (this.chunks ??= []).push(Buffer.from(buf.subarray(start, end)));
    this.bytes += end - start;
  }

  end(trailers: Fields | null): void {
    this.ended_ = true;
    this.trailers = trailers;
  }

  /** Sends what there is to a stream that has just been opened. */
  send(up: RequestStream): void {
    if (this.chunks !== null) for (const c of this.chunks) up.data(c, 0, c.length);
    if (this.ended_) up.end(this.trailers);
    if (this.bytes > this.limit) this.drop();
  }

  /** It will not be needed again. */
  drop(): void {
    this.lost = true;
    this.chunks = null;
    this.bytes = 0;
  }
}
