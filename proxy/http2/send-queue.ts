/**
 * Content of one stream that its receiver's window, or its socket, has no room for yet. Small pieces share a chunk, so that a
 * queue's memory is in proportion to its content however it was cut. Chunks of large bodies come from the process's pool and go back there.
 */
import { givePiece, PIECE, takePiece } from '../io/pool.ts';

const CHUNK_MIN = 4096;

export class SendQueue {
  /** octets waiting */
  length = 0;
  /** octets of memory held */
  capacity = 0;
  /** octets taken so far, and when a StallWatch looked last, -1 before */
  taken = 0;
  seen = -1;
  private chunks: Buffer[] = [];
  /** first octet of the first chunk, and end of the last one's */
  private start = 0;
  private end = 0;

  /** Copies buf[start, end) in; returns by how much `capacity` grew. */
  append(buf: Buffer, start: number, end: number): number {
    let from = start;
    this.length += end - start;
    const tail = this.chunks[this.chunks.length - 1];
    if (tail !== undefined && this.end < tail.length) {
      const n = Math.min(end - from, tail.length - this.end);
      buf.copy(tail, this.end, from, from + n);
      this.end += n;
      from += n;
    }
    let grown = 0;
    while (from < end) {
      const rest = end - from;
      const chunk = rest > PIECE / 2 || this.chunks.length > 0 ? takePiece() : Buffer.allocUnsafeSlow(Math.max(CHUNK_MIN, rest));
      this.end = buf.copy(chunk, 0, from, Math.min(end, from + chunk.length));
      from += this.end;
      this.chunks.push(chunk);
      grown += chunk.length;
    }
    this.capacity += grown;
    return grown;
  }

  /** Drops everything; the queue is of no more use. Returns what `capacity` was. */
  release(): number {
    const { capacity } = this;
    for (const chunk of this.chunks) givePiece(chunk);
    this.chunks = [];
    this.length = this.capacity = 0;
    return capacity;
  }

  /** Moves the first n (<= length) octets to out[pos]; returns by how much `capacity` shrank. */
  take(out: Buffer, pos: number, n: number): number {
    let at = pos;
    let left = n;
    let freed = 0;
    this.length -= n;
    this.taken += n;
    while (left > 0) {
      const chunk = this.chunks[0]!;
      const stop = this.chunks.length === 1 ? this.end : chunk.length;
      const m = Math.min(left, stop - this.start);
      chunk.copy(out, at, this.start, this.start + m);
      this.start += m;
      at += m;
      left -= m;
      if (this.start === stop) {
        this.chunks.shift();
        this.start = 0;
        freed += chunk.length;
        givePiece(chunk);
      }
    }
    this.capacity -= freed;
    return freed;
  }
}
