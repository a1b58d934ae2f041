/**
 * Content of one stream that its receiver's window, or its socket, has no room for yet. Small pieces share a chunk, so that a
 * queue's memory is in proportion to its content however it was cut.
 */
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
    if (from === end) return 0;
    const chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK_MIN, end - from));
    this.end = buf.copy(chunk, 0, from, end);
    this.chunks.push(chunk);
    this.capacity += chunk.length;
    return chunk.length;
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
      }
    }
    this.capacity -= freed;
    return freed;
  }
}
