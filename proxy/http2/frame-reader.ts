/**
 * Cuts the bytes of a connection into frames. DATA payload is handed on as it arrives, in as many pieces as reads brought; of other frames
 * the whole payload is needed, so one that a read cuts in two is kept here until the rest comes.
 */
import { CODE, ConnectionError, FLAG, FRAME_HEAD, FRAME_MAX, TYPE, get31 } from './frames.ts';

const NONE = Buffer.alloc(0);

export abstract class FrameReader {
  /** the start of a frame that is not complete: stash[0, stashed) */
  private stash: Buffer = NONE;
  private stashed = 0;
  /** inside a DATA frame: octets of content, then of padding, still to come */
  private content = 0;
  private padding = 0;
  private inData = false;
  private padLengthNext = false;
  private dataFlags = 0;
  private dataId = 0;
  /** frames received so far, the last perhaps not yet complete if it is DATA */
  frames = 0;
  /** nothing more is parsed */
  protected stopped = false;

  /** A DATA frame begins; `length` is all of its payload, which flow control counts, `content` the part that is not padding. */
  protected abstract dataStart(id: number, length: number, content: number, ends: boolean): void;
  protected abstract dataBytes(buf: Buffer, start: number, end: number): void;
  protected abstract dataEnd(): void;
  /** Any other frame, payload buf[start, end) */
  protected abstract frame(type: number, flags: number, id: number, buf: Buffer, start: number, end: number): void;

  /** `octets` more are kept, or fewer */
  protected abstract hold(octets: number): void;

  /** Octets kept of a frame that is not complete. */
  get pending(): number {
    return this.stashed;
  }

  protected parse(buf: Buffer, start: number, end: number): void {
    let p = start;
    while (p < end && !this.stopped) {
      if (this.inData) p = this.onData(buf, p, end);
      else if (this.stashed > 0) p = this.onStashed(buf, p, end);
      else p = this.onFrame(buf, p, end);
    }
  }

  private onFrame(buf: Buffer, p: number, end: number): number {
    if (end - p < FRAME_HEAD) return this.keep(buf, p, end);
    const length = this.checkHead(buf, p);
    if (buf[p + 3] === TYPE.data) {
      this.startData(buf, p, length);
      return p + FRAME_HEAD;
    }
    const next = p + FRAME_HEAD + length;
    if (next > end) return this.keep(buf, p, end);
    this.frames++;
    this.frame(buf[p + 3]!, buf[p + 4]!, get31(buf, p + 5), buf, p + FRAME_HEAD, next);
    return next;
  }

  private onStashed(buf: Buffer, start: number, end: number): number {
    let p = start;
    if (this.stashed < FRAME_HEAD) {
      p = this.keep(buf, p, Math.min(end, p + FRAME_HEAD - this.stashed));
      if (this.stashed < FRAME_HEAD) return p;
    }
    const stash = this.stash;
    const length = this.checkHead(stash, 0);
    if (stash[3] === TYPE.data) {
      this.drop();
      this.startData(stash, 0, length);
      return p;
    }
    const need = FRAME_HEAD + length - this.stashed;
    p = this.keep(buf, p, Math.min(end, p + need));
    if (this.stashed < FRAME_HEAD + length) return p;
    const whole = this.stash;
    this.drop();
    this.frames++;
    this.frame(whole[3]!, whole[4]!, get31(whole, 5), whole, FRAME_HEAD, FRAME_HEAD + length);
    return p;
  }

  private checkHead(buf: Buffer, p: number): number {
    const length = (buf[p]! << 16) | (buf[p + 1]! << 8) | buf[p + 2]!;
    if (length > FRAME_MAX) throw new ConnectionError(CODE.frameSize, 'frame-too-large');
    return length;
  }

  private keep(buf: Buffer, p: number, end: number): number {
    const n = end - p;
    if (this.stash.length < this.stashed + n) {
      const size = this.stashed + n <= 512 ? 512 : FRAME_HEAD + FRAME_MAX;
      const larger = Buffer.allocUnsafeSlow(size);
      this.stash.copy(larger, 0, 0, this.stashed);
      this.hold(size - this.stash.length);
      this.stash = larger;
    }
    buf.copy(this.stash, this.stashed, p, end);
    this.stashed += n;
    return end;
  }

  private drop(): void {
    this.hold(-this.stash.length);
    this.stash = NONE;
    this.stashed = 0;
  }

  private startData(buf: Buffer, p: number, length: number): void {
    this.frames++;
    this.inData = true;
    this.dataFlags = buf[p + 4]!;
    this.dataId = get31(buf, p + 5);
    this.content = length;
    this.padding = 0;
    this.padLengthNext = (this.dataFlags & FLAG.padded) !== 0;
    if (this.padLengthNext) {
      if (length === 0) throw new ConnectionError(CODE.frameSize, 'padding-beyond-frame');
      return;
    }
    this.dataStart(this.dataId, length, length, (this.dataFlags & FLAG.endStream) !== 0);
    if (length === 0) this.finishData();
  }

  private onData(buf: Buffer, start: number, end: number): number {
    let p = start;
    if (this.padLengthNext) {
      const padding = buf[p++]!;
      if (padding >= this.content) throw new ConnectionError(CODE.protocol, 'padding-beyond-frame');
      const length = this.content;
      this.padLengthNext = false;
      this.padding = padding;
      this.content = length - 1 - padding;
      this.dataStart(this.dataId, length, this.content, (this.dataFlags & FLAG.endStream) !== 0);
    }
    if (this.content > 0 && p < end) {
      const n = Math.min(this.content, end - p);
      this.content -= n;
      this.dataBytes(buf, p, p + n);
      p += n;
    }
    if (this.content === 0) {
      const n = Math.min(this.padding, end - p);
      this.padding -= n;
      p += n;
      if (this.padding === 0) this.finishData();
    }
    return p;
  }

  private finishData(): void {
    this.inData = false;
    this.dataEnd();
  }
}
