/**
 * The sending side's flow control (RFC 9113 5.2): content goes straight to the wire while both windows and the socket have room, and waits in its stream's queue otherwise.
 * Streams that wait take turns, a frame each. Credit is given for octets that are in the wire, and only while the socket keeps up.
 *
 * Content that finds the socket full waits here rather than in the wire: so control frames pass it, and it can be dropped with its stream.
 */
import type { Wire } from '../io/wire.ts';
import { CODE, ConnectionError, FLAG, FRAME_HEAD, FRAME_MAX, INITIAL_WINDOW, MAX_WINDOW, TYPE, putHead } from './frames.ts';
import type { FloodMeter } from './flood-meter.ts';
import type { HeaderWriter } from './header-writer.ts';
import { SendQueue } from './send-queue.ts';
import type { StallWatch } from './stall-watch.ts';
import type { Stream } from './stream.ts';
import type { StreamTable } from './stream-table.ts';

const SMALL = 48;

export class Outbox {
  /** the peer's connection window */
  window = INITIAL_WINDOW;
  private readonly wire: Wire;
  private readonly headers: HeaderWriter;
  private readonly meter: FloodMeter;
  private readonly stalls: StallWatch;
  private readonly streams: StreamTable;
  /** streams with content waiting, in turn; from `first` on */
  private waiting: Stream[] = [];
  private first = 0;
  /** streams whose producers are owed credit */
  private owing: Stream[] = [];

  constructor(wire: Wire, headers: HeaderWriter, meter: FloodMeter, stalls: StallWatch, streams: StreamTable) {
    this.wire = wire;
    this.headers = headers;
    this.meter = meter;
    this.stalls = stalls;
    this.streams = streams;
  }

  data(stream: Stream, buf: Buffer, start: number, end: number): void {
    const n = end - start;
    if (stream.queue !== null || n > FRAME_MAX || n > stream.sendWindow || n > this.window || this.wire.congested) {
      this.enqueue(stream, buf, start, end);
      return;
    }
    if (n === 0) return;
    this.frame(stream, n);
    const wire = this.wire;
    const out = wire.out!;
    if (n < SMALL) for (let i = 0, p = wire.pos; i < n; i++) out[p + i] = buf[start + i]!;
    else buf.copy(out, wire.pos, start, end);
    wire.pos += n;
    this.credit(stream, n);
  }

  /** The stream has nothing more to send but what waits, and its trailers. */
  end(stream: Stream): void {
    if (stream.queue === null) this.finish(stream);
  }

  /** Writes a DATA frame's head and makes room for its content. */
  private frame(stream: Stream, n: number): void {
    const wire = this.wire;
    const out = wire.room(FRAME_HEAD + n);
    this.headers.mark(stream.id);
    wire.pos = putHead(out, wire.pos, n, TYPE.data, 0, stream.id);
    stream.sendWindow -= n;
    this.window -= n;
    this.meter.worked();
  }

  private enqueue(stream: Stream, buf: Buffer, start: number, end: number): void {
    let from = start;
    while (stream.queue === null && this.first === this.waiting.length && from < end) {
      const n = this.sendable(stream, end - from);
      if (n === 0) break;
      this.frame(stream, n);
      this.wire.pos += buf.copy(this.wire.out!, this.wire.pos, from, from + n);
      from += n;
      this.credit(stream, n);
      if (stream.closed) return;
    }
    if (from === end) return;
    if (stream.queue === null) {
      stream.queue = new SendQueue();
      this.stalls.arm();
    }
    const grown = stream.queue.append(buf, from, end);
    this.enter(stream);
    if (grown > 0) this.wire.hold(grown);
  }

  private sendable(stream: Stream, n: number): number {
    if (this.wire.congested) return 0;
    return Math.max(0, Math.min(n, FRAME_MAX, stream.sendWindow, this.window));
  }

  /** Puts a stream with content and window in line. */
  enter(stream: Stream): void {
    if (stream.waiting || stream.queue === null || stream.sendWindow <= 0) return;
    stream.waiting = true;
    this.waiting.push(stream);
  }

  /** Sends what now fits. */
  pump(): void {
    while (this.first < this.waiting.length && this.window > 0 && !this.wire.congested) {
      const stream = this.waiting[this.first++]!;
      if (this.first > 64 && this.first * 2 > this.waiting.length) {
        this.waiting = this.waiting.slice(this.first);
        this.first = 0;
      }
      stream.waiting = false;
      const queue = stream.queue;
      if (queue === null || stream.sendWindow <= 0) continue;
      const n = this.sendable(stream, queue.length);
      this.frame(stream, n);
      const freed = queue.take(this.wire.out!, this.wire.pos, n);
      this.wire.pos += n;
      if (queue.length === 0) stream.queue = null;
      else this.enter(stream);
      if (freed > 0) this.wire.hold(-freed);
      const ended = stream.queue === null && stream.ending;
      this.credit(stream, n);
      if (ended && !stream.closed) this.finish(stream);
    }
    if (this.first === this.waiting.length && this.first > 0) {
      this.waiting.length = 0;
      this.first = 0;
    }
  }

  private finish(stream: Stream): void {
    const trailers = stream.trailers;
    if (trailers !== null && trailers.length > 0) this.headers.trailers(stream.id, trailers);
    else if (!this.headers.endMarked(stream.id)) this.wire.pos = putHead(this.wire.room(FRAME_HEAD), this.wire.pos, 0, TYPE.data, FLAG.endStream, stream.id);
    stream.sent();
  }

  private credit(stream: Stream, n: number): void {
    if (stream.peer !== null && !this.wire.congested) {
      stream.peer.credit(n);
      return;
    }
    if (stream.owed === 0) this.owing.push(stream);
    stream.owed += n;
  }

  /** Pays what a stream is owed since the time when it had no producer yet. */
  pay(stream: Stream): void {
    const n = stream.owed;
    if (n === 0 || stream.peer === null || this.wire.congested) return;
    stream.owed = 0;
    stream.peer.credit(n);
  }

  /** The socket has room again. */
  drained(): void {
    const owing = this.owing;
    this.owing = [];
    for (const stream of owing) {
      if (stream.owed === 0) continue;
      if (this.wire.congested) this.owing.push(stream);
      else this.pay(stream);
    }
    this.pump();
  }

  /** The peer opened the connection's window. */
  widen(increment: number): void {
    if (this.window + increment > MAX_WINDOW) throw new ConnectionError(CODE.flowControl, 'window-overflow');
    this.window += increment;
    this.pump();
  }

  /** The peer opened a stream's window. */
  opened(stream: Stream): void {
    if (stream.queue === null) return;
    this.enter(stream);
    this.pump();
  }

  /** Drops what the stream, now closed, still had to send. */
  release(stream: Stream): void {
    stream.owed = 0;
    if (stream.queue === null) return;
    const freed = stream.queue.release();
    stream.queue = null;
    if (stream.waiting) {
      this.waiting.splice(this.waiting.indexOf(stream, this.first), 1);
      stream.waiting = false;
    }
    this.wire.hold(-freed);
  }

  /** The stream for which most content waits, or null. */
  fullest(): Stream | null {
    let fullest: Stream | null = null;
    for (const s of this.streams.all()) if (s.queue !== null && (fullest === null || s.queue.capacity > fullest.queue!.capacity)) fullest = s;
    return fullest;
  }
}
