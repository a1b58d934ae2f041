import type { Wire } from '../io/wire.ts';

/** Bytes that must outlive the read callback: an incomplete head, pipelined requests, body bytes beyond the window. Holds no memory when empty; what it holds counts as the wire's. */
export class Stash {
  buf: Buffer = NONE;
  start = 0;
  end = 0;
  private readonly wire: Pick<Wire, 'hold'>;

  constructor(wire: Pick<Wire, 'hold'>) {
    this.wire = wire;
  }

  get length(): number {
    return this.end - this.start;
  }

  append(src: Buffer, start: number, end: number): void {
    const n = end - start;
    if (n <= 0) return;
    if (this.buf.length - this.end < n) this.grow(n);
    src.copy(this.buf, this.end, start, end);
    this.end += n;
  }

  /** Drops everything before `to`, an index into buf. */
  consume(to: number): void {
    this.start = to;
    if (this.start >= this.end) this.clear();
  }

  clear(): void {
    if (this.buf === NONE) return;
    this.wire.hold(-this.buf.length);
    this.buf = NONE;
    this.start = 0;
    this.end = 0;
  }

  private grow(n: number): void {
    const held = this.end - this.start;
    const size = Math.max(1024, held + n, Math.min(this.buf.length * 2, held + n + 16384));
    const next = Buffer.allocUnsafeSlow(size);
    this.buf.copy(next, 0, this.start, this.end);
    this.wire.hold(size - this.buf.length);
    this.buf = next;
    this.start = 0;
    this.end = held;
  }
}

const NONE: Buffer = Buffer.alloc(0);
