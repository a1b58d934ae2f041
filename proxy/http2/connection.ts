/**
 * One HTTP/2 connection, what server and client share: reading frames, settings, flow control of what is received, pings, resets, the way it ends.
 *
 * Received content is credited to the connection's window at once and to its stream's when it is consumed. A stream that nobody reads then
 * never holds up the others, and what may wait in memory is still bounded: by WINDOW a stream, and by the process's budget over all of them (io/held.ts).
 */
import type { Timer } from '../../lib/clock.ts';
import type { Wire } from '../io/wire.ts';
import { type Fields, WINDOW } from '../message/contract.ts';
import { RESET, type Reset, resetFromH2 } from '../message/reset.ts';
import { Feed } from './feed.ts';
import { FloodMeter } from './flood-meter.ts';
import { FrameReader } from './frame-reader.ts';
import {
  CODE, ConnectionError, FLAG, INITIAL_WINDOW, MAX_WINDOW, TYPE, get31, get32, writeGoaway, writePing, writeReset, writeSettings, writeSettingsAck, writeWindowUpdate,
} from './frames.ts';
import { HeaderAssembler } from './header-assembler.ts';
import { HeaderWriter } from './header-writer.ts';
import type { HeaderBlock } from './hpack/block.ts';
import { Decoder } from './hpack/decoder.ts';
import { Encoder } from './hpack/encoder.ts';
import { HpackError } from './hpack/error.ts';
import { type Alive, KeepAlive } from './keep-alive.ts';
import { Watchdog, type Watched } from './watchdog.ts';
import { type ClientOptions, LIMITS, type Limits } from './options.ts';
import { Outbox } from './outbox.ts';
import { type StallOwner, StallWatch } from './stall-watch.ts';
import { PeerSettings } from './peer-settings.ts';
import { ResetMemory } from './reset-memory.ts';
import type { Stream } from './stream.ts';
import { StreamTable } from './stream-table.ts';

/** What may be under way to us on the whole connection: 4 MiB is 1 Gbit/s over 32 ms. */
const CONNECTION_WINDOW = 16 * WINDOW;
/** Heads and control frames waiting in the socket for a peer that does not read; content does not wait there. */
const MAX_BACKLOG = 4 * 1024 * 1024;
/** How long a connection that was ended for an error waits for the peer to read why; and one that ended well, for it to read all that was sent. */
export const LINGER_MS = 1000;
export const GRACE_MS = 30_000;
const PING_KEEP_ALIVE = 1;
export const PING_DRAIN = 2;

export abstract class Connection extends FrameReader implements Watched, StallOwner, Alive {
  readonly wire: Wire;
  readonly outbox: Outbox;
  readonly headers: HeaderWriter;
  readonly peerSettings = new PeerSettings();
  /** the peer has acknowledged our settings */
  settled = false;
  protected readonly options: ClientOptions;
  protected readonly limits: Limits;
  readonly streams = new StreamTable();
  readonly meter: FloodMeter;
  readonly stalls: StallWatch;
  private readonly encoder = new Encoder();
  private readonly decoder: Decoder;
  private readonly assembler: HeaderAssembler;
  private readonly resets = new ResetMemory();
  private readonly keepAlive: KeepAlive | null;
  private recvWindow = CONNECTION_WINDOW;
  private received = 0;
  private readonly watchdog: Watchdog;
  private peerEnded = false;
  private lingerTimer: Timer | null = null;
  private gone = false;
  /** stream of the DATA frame being received, null if its content goes nowhere */
  private dataStream: Stream | null = null;
  private dataEnds = false;

  constructor(wire: Wire, options: ClientOptions) {
    super();
    this.wire = wire;
    this.options = options;
    this.limits = options.limits === undefined ? LIMITS : { ...LIMITS, ...options.limits };
    this.decoder = new Decoder(this.limits.maxHeaderListSize);
    this.assembler = new HeaderAssembler(wire, this.limits.maxHeaderListSize, this.limits.maxContinuations);
    this.meter = new FloodMeter(options.clock);
    this.headers = new HeaderWriter(wire, this.encoder);
    this.stalls = new StallWatch(options.clock, this.limits.progressTimeoutMs, this);
    this.outbox = new Outbox(wire, this.headers, this.meter, this.stalls, this.streams);
    this.watchdog = new Watchdog(options.clock, this.limits.answerTimeoutMs, this);
    this.keepAlive = options.keepAlive == null ? null : new KeepAlive(options.clock, options.keepAlive, this);
  }

  // What the timers call. They are given the connection rather than functions: ten thousand idle connections have none of those.

  stalled(stream: Stream, reason: string): void {
    this.resetStream(stream, CODE.cancel, RESET.cancel, reason);
  }

  leftHalfDone(reason: string): void {
    this.fail(new ConnectionError(this.settled ? CODE.enhanceYourCalm : CODE.settingsTimeout, reason));
  }

  get heard(): number {
    return this.wire.readBytes;
  }

  ping(): void {
    writePing(this.wire, 0, 0, PING_KEEP_ALIVE);
  }

  dead(): void {
    this.options.count('keep-alive-timeout');
    this.destroy();
  }

  /** The peer cannot have opened this stream yet, nor can we. */
  protected abstract isIdle(id: number): boolean;
  /** A header block that came in order; `block` is valid for the call. */
  protected abstract headerBlock(id: number, ends: boolean, selfDependent: boolean, block: HeaderBlock): void;
  protected abstract goaway(lastId: number, code: number): void;
  protected abstract pong(low: number): void;
  /** last peer-initiated stream taken, for GOAWAY */
  protected abstract get lastPeerId(): number;
  /** a stream has left `streams` */
  protected abstract streamGone(): void;
  /** What a stream's peer is told when the connection breaks. */
  protected abstract brokenReason(stream: Stream): Reset;
  /** stopped for good; called once */
  protected abstract ended(): void;
  /** the peer will send nothing more */
  protected abstract finished(): void;

  get active(): number {
    return this.streams.size;
  }

  /** stream whose header block is not complete, or 0 */
  get openBlock(): number {
    return this.assembler.id;
  }

  /** Sends our settings, opens the connection's window and starts reading. */
  protected start(pairs: [id: number, value: number][], first: Buffer | null): void {
    writeSettings(this.wire, pairs);
    writeWindowUpdate(this.wire, 0, CONNECTION_WINDOW - INITIAL_WINDOW);
    this.wire.start(new Feed(this), first);
  }

  read(buf: Buffer, start: number, end: number): void {
    if (this.stopped) return;
    try {
      this.parse(buf, start, end);
      this.checkBacklog();
      if (!this.stopped) this.watchdog.look();
    } catch (error) {
      this.caught(error);
    }
  }

  eof(): void {
    this.peerEnded = true;
    if (this.stopped) this.wire.close();
    else this.finished();
  }

  drained(): void {
    try {
      this.outbox.drained();
    } catch (error) {
      this.caught(error);
    }
  }

  /** The process holds too much, and this connection the most: the stream with most content waiting goes, or else all of them. */
  shed(): void {
    const stream = this.stopped ? null : this.outbox.fullest();
    if (stream !== null) return this.resetStream(stream, CODE.enhanceYourCalm, RESET.enhanceYourCalm, 'memory-cap');
    this.options.count('memory-cap');
    this.destroy();
  }

  protected hold(octets: number): void {
    this.wire.hold(octets);
  }

  disconnected(): void {
    this.stop(null);
    this.options.clock.cancel(this.lingerTimer);
    if (this.gone) return;
    this.gone = true;
    this.ended();
  }

  destroy(): void {
    this.stop(null);
    this.wire.destroy();
  }

  /** Ends the connection for an error of the peer's, saying so with GOAWAY. */
  fail(error: ConnectionError): void {
    if (this.stopped) return;
    this.options.count(error.reason);
    writeGoaway(this.wire, this.lastPeerId, error.code, error.reason);
    this.stop(error.code === CODE.internal ? RESET.internal : RESET.protocol);
    this.linger(LINGER_MS);
  }

  /** Ends the connection if the peer lets our answers pile up. */
  checkBacklog(): void {
    if (this.wire.congested && this.wire.backlog > MAX_BACKLOG) this.fail(new ConnectionError(CODE.enhanceYourCalm, 'peer-not-reading'));
  }

  protected caught(error: unknown): void {
    if (error instanceof ConnectionError) return this.fail(error);
    if (error instanceof HpackError) return this.fail(new ConnectionError(CODE.compression, 'hpack'));
    this.fail(new ConnectionError(CODE.internal, 'internal'));
    if (this.options.bug === undefined) throw error;
    this.options.bug(error);
  }

  private halt(): void {
    this.stopped = true;
    this.watchdog.stop();
    this.stalls.stop();
    this.keepAlive?.stop();
  }

  /** No frame is read or exchange served any more; `reason` null stands for a broken connection. */
  private stop(reason: Reset | null): void {
    this.halt();
    for (const stream of this.streams.all()) if (!stream.closed) this.abandon(stream, reason ?? this.brokenReason(stream));
  }

  /**
   * Closes when the peer does, or after `ms` without progress: octets that it sends to a closed socket would make the kernel drop those of ours that
   * it has not read yet.
   */
  protected linger(ms: number): void {
    this.halt();
    if (this.peerEnded) return this.wire.close();
    this.wire.finish();
    const { backlog } = this.wire;
    this.lingerTimer = this.options.clock.after(ms, () => {
      if (this.wire.backlog < backlog) this.linger(ms);
      else this.wire.destroy();
    });
  }

  /** Takes a stream out and tells its peer why. */
  protected abandon(stream: Stream, reason: Reset): void {
    this.forget(stream);
    stream.peer?.reset(reason);
  }

  /** Takes a stream out. */
  forget(stream: Stream): void {
    stream.closed = true;
    if (this.dataStream === stream) this.dataStream = null;
    this.streams.delete(stream.id);
    this.outbox.release(stream);
    if (stream.early !== null) this.hold(-stream.early.capacity);
    if (!this.stopped) this.streamGone();
  }

  /** Sends RST_STREAM and remembers that frames for it may still come. */
  sendReset(id: number, code: number): void {
    writeReset(this.wire, id, code);
    this.resets.add(id);
  }

  protected wasReset(id: number): boolean {
    return this.resets.has(id);
  }

  /** Ends one stream for a counted reason. */
  resetStream(stream: Stream, code: number, told: Reset, reason: string): void {
    this.options.count(reason);
    this.sendReset(stream.id, code);
    this.abandon(stream, told);
  }

  /** The peer broke the protocol on one stream (RFC 9113 5.4.2). */
  protected streamError(id: number, code: number, reason: string): void {
    if (!this.fromServer) this.meter.wasReset();
    const stream = this.streams.get(id);
    if (stream !== undefined) return this.resetStream(stream, code, RESET.protocol, reason);
    this.options.count(reason);
    this.sendReset(id, code);
  }

  private inOrder(type: number): void {
    if (this.assembler.id !== 0 && type !== TYPE.continuation) throw new ConnectionError(CODE.protocol, 'frame-inside-header-block');
    if (!this.peerSettings.known && type !== TYPE.settings) throw new ConnectionError(CODE.protocol, 'settings-expected');
  }

  protected dataStart(id: number, length: number, content: number, ends: boolean): void {
    this.inOrder(TYPE.data);
    this.dataStream = null;
    if (this.isIdle(id)) throw new ConnectionError(CODE.protocol, 'data-on-idle-stream');
    if (length > this.recvWindow) throw new ConnectionError(CODE.flowControl, 'connection-window-exceeded');
    this.recvWindow -= length;
    this.received += length;
    if (this.received >= CONNECTION_WINDOW / 2) {
      writeWindowUpdate(this.wire, 0, this.received);
      this.recvWindow += this.received;
      this.received = 0;
    }
    if (content > 0) this.meter.worked();
    else if (!ends) this.meter.took(2, 'empty-data-flood');
    const stream = this.streams.get(id);
    if (stream === undefined) {
      if (!this.wasReset(id)) throw new ConnectionError(CODE.streamClosed, 'data-on-closed-stream');
      return;
    }
    if (stream.remoteEnded) return this.streamError(id, CODE.streamClosed, 'data-after-end');
    if (length > stream.recvWindow) return this.streamError(id, CODE.flowControl, 'stream-window-exceeded');
    stream.recvWindow -= length;
    stream.received += length;
    if (!this.takesContent(stream)) return this.streamError(id, CODE.protocol, 'data-before-head');
    if (stream.left >= 0) {
      stream.left -= content;
      if (stream.left < 0 || (ends && stream.left !== 0)) return this.streamError(id, CODE.protocol, 'content-length-mismatch');
    }
    this.dataStream = stream;
    this.dataEnds = ends;
    if (length > content) stream.credit(length - content);
  }

  /** Whether a message head has come that content can belong to. */
  protected abstract takesContent(stream: Stream): boolean;

  protected dataBytes(buf: Buffer, start: number, end: number): void {
    const stream = this.dataStream;
    if (stream === null) return;
    if (stream.early === null) stream.peer!.data(buf, start, end);
    else this.hold(stream.early.append(buf, start, end));
  }

  protected dataEnd(): void {
    const stream = this.dataStream;
    this.dataStream = null;
    if (stream !== null && this.dataEnds) this.remoteEnd(stream, null);
  }

  /** END_STREAM was received. */
  protected abstract remoteEnd(stream: Stream, trailers: Fields | null): void;

  protected frame(type: number, flags: number, id: number, buf: Buffer, start: number, end: number): void {
    this.inOrder(type);
    switch (type) {
      case TYPE.headers: return this.onHeaders(flags, id, buf, start, end);
      case TYPE.windowUpdate: return this.onWindowUpdate(id, buf, start, end);
      case TYPE.rstStream: return this.onReset(id, buf, start, end);
      case TYPE.settings: return this.onSettings(flags, id, buf, start, end);
      case TYPE.ping: return this.onPing(flags, id, buf, start, end);
      case TYPE.continuation: return this.onContinuation(flags, id, buf, start, end);
      case TYPE.priority: return this.onPriority(id, buf, start, end);
      case TYPE.goaway:
        if (id !== 0) throw new ConnectionError(CODE.protocol, 'goaway-on-stream');
        if (end - start < 8) throw new ConnectionError(CODE.frameSize, 'goaway-size');
        return this.goaway(get31(buf, start), get32(buf, start + 4));
      case TYPE.pushPromise: throw new ConnectionError(CODE.protocol, 'push-promise');
      default: this.meter.took(1, 'unknown-frame-flood');
    }
  }

  private onHeaders(flags: number, id: number, buf: Buffer, from: number, to: number): void {
    if (id === 0) throw new ConnectionError(CODE.protocol, 'headers-on-stream-0');
    let start = from;
    let end = to;
    if ((flags & FLAG.padded) !== 0) {
      if (start === end) throw new ConnectionError(CODE.frameSize, 'padding-beyond-frame');
      end -= buf[start++]!;
    }
    let selfDependent = false;
    if ((flags & FLAG.priority) !== 0) {
      if (to - start < 5) throw new ConnectionError(CODE.frameSize, 'headers-size');
      selfDependent = get31(buf, start) === id;
      start += 5;
    }
    if (end < start) throw new ConnectionError(CODE.protocol, 'padding-beyond-frame');
    const ends = (flags & FLAG.endStream) !== 0;
    if ((flags & FLAG.endHeaders) !== 0) {
      this.headerBlock(id, ends, selfDependent, this.decoder.decode(buf, start, end));
      return;
    }
    this.assembler.open(id, ends, selfDependent, buf, start, end);
  }

  private onContinuation(flags: number, id: number, buf: Buffer, start: number, end: number): void {
    const a = this.assembler;
    if (id === 0 || id !== a.id) throw new ConnectionError(CODE.protocol, 'continuation-out-of-place');
    a.continue(buf, start, end);
    if ((flags & FLAG.endHeaders) === 0) return;
    const whole = a.close();
    this.headerBlock(id, a.ends, a.selfDependent, this.decoder.decode(whole, 0, whole.length));
  }

  private onSettings(flags: number, id: number, buf: Buffer, start: number, end: number): void {
    if (id !== 0) throw new ConnectionError(CODE.protocol, 'settings-on-stream');
    if ((flags & FLAG.ack) !== 0) {
      if (end !== start) throw new ConnectionError(CODE.frameSize, 'settings-ack-size');
      if (!this.peerSettings.known) throw new ConnectionError(CODE.protocol, 'settings-expected');
      this.settled = true;
      return;
    }
    if ((end - start) % 6 !== 0) throw new ConnectionError(CODE.frameSize, 'settings-size');
    this.meter.took(10 + (end - start) / 6, 'settings-flood');
    const peer = this.peerSettings;
    const before = peer.initialWindow;
    peer.take(buf, start, end, this.fromServer);
    this.encoder.setLimit(peer.headerTableSize);
    const delta = peer.initialWindow - before;
    if (delta !== 0) this.shiftWindows(delta);
    writeSettingsAck(this.wire);
    if (delta > 0) this.outbox.pump();
    this.settingsTaken();
  }

  /** whether the peer is a server */
  protected abstract get fromServer(): boolean;
  protected abstract settingsTaken(): void;

  private shiftWindows(delta: number): void {
    for (const stream of this.streams.all()) {
      if (stream.sendWindow + delta > MAX_WINDOW) throw new ConnectionError(CODE.flowControl, 'window-overflow');
      stream.sendWindow += delta;
      this.outbox.enter(stream);
    }
  }

  private onPing(flags: number, id: number, buf: Buffer, start: number, end: number): void {
    if (id !== 0) throw new ConnectionError(CODE.protocol, 'ping-on-stream');
    if (end - start !== 8) throw new ConnectionError(CODE.frameSize, 'ping-size');
    this.meter.took(1, 'ping-flood');
    if ((flags & FLAG.ack) !== 0) this.pong(get32(buf, start + 4));
    else writePing(this.wire, FLAG.ack, get32(buf, start), get32(buf, start + 4));
  }

  private onWindowUpdate(id: number, buf: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw new ConnectionError(CODE.frameSize, 'window-update-size');
    const increment = get31(buf, start);
    this.meter.took(1, 'window-update-flood');
    if (id === 0) {
      if (increment === 0) throw new ConnectionError(CODE.protocol, 'window-update-zero');
      this.outbox.widen(increment);
      return;
    }
    const stream = this.streams.get(id);
    if (stream === undefined) {
      if (this.isIdle(id)) throw new ConnectionError(CODE.protocol, 'window-update-on-idle-stream');
      return;
    }
    if (increment === 0) return this.streamError(id, CODE.protocol, 'window-update-zero');
    if (stream.sendWindow + increment > MAX_WINDOW) return this.streamError(id, CODE.flowControl, 'window-overflow');
    stream.sendWindow += increment;
    this.outbox.opened(stream);
  }

  private onReset(id: number, buf: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw new ConnectionError(CODE.frameSize, 'rst-stream-size');
    if (id === 0 || this.isIdle(id)) throw new ConnectionError(CODE.protocol, 'rst-stream-on-idle-stream');
    const stream = this.streams.get(id);
    if (stream === undefined) return this.meter.took(1, 'rst-stream-flood');
    this.abandon(stream, resetFromH2(get32(buf, start)));
    // What a server resets is its own loss.
    if (!this.fromServer) this.meter.wasReset();
  }

  private onPriority(id: number, buf: Buffer, start: number, end: number): void {
    if (id === 0) throw new ConnectionError(CODE.protocol, 'priority-on-stream-0');
    this.meter.took(1, 'priority-flood');
    if (end - start !== 5) return this.priorityError(id, CODE.frameSize, 'priority-size');
    if (get31(buf, start) === id) this.priorityError(id, CODE.protocol, 'priority-on-itself');
  }

  /** RST_STREAM is not allowed on an idle stream, so there the connection ends instead. */
  private priorityError(id: number, code: number, reason: string): void {
    if (this.isIdle(id)) throw new ConnectionError(code, reason);
    this.streamError(id, code, reason);
  }
}
