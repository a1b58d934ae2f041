/** The server role of HTTP/2: requests of one client connection, each given to the service. */
import type { Timer } from '../../lib/clock.ts';
import { ProxyError } from '../errors.ts';
import type { Wire } from '../io/wire.ts';
import { type Fields, type RequestHead, type ServerConnection, type Service, WINDOW } from '../message/contract.ts';
import { RESET, type Reset } from '../message/reset.ts';
import { Connection, GRACE_MS, PING_DRAIN } from './connection.ts';
import { CODE, ConnectionError, MAX_STREAM_ID, PREFACE, SETTING, writeGoaway, writePing } from './frames.ts';
import { requestHead, trailerFields } from './heads.ts';
import type { HeaderBlock } from './hpack/block.ts';
import type { ServerOptions } from './options.ts';
import { ServerStream } from './server-stream.ts';
import type { Stream } from './stream.ts';

/** A draining connection stops taking new streams after this even if the client does not answer the PING that goes with the first GOAWAY. */
const DRAIN_PING_MS = 5000;

/** Serves HTTP/2 on `wire`. `first`: bytes consumed by protocol detection, the client's preface among them, or null. */
export function serveHttp2(wire: Wire, service: Service, opts: ServerOptions, first: Buffer | null = null): ServerConnection {
  return new ServerSide(wire, service, opts, first);
}

class ServerSide extends Connection implements ServerConnection {
  onClose: (() => void) | null = null;
  private readonly service: Service;
  private readonly refuse: ServerOptions['refuse'];
  private prefaced = 0;
  private lastId = 0;
  /** the client left out stream numbers, which closed them unused */
  private skipped = false;
  private draining = false;
  /** last stream served, once that is settled; -1 before */
  private finalId = -1;
  private drainTimer: Timer | null = null;
  private readonly opts: ServerOptions;

  constructor(wire: Wire, service: Service, opts: ServerOptions, first: Buffer | null) {
    super(wire, opts);
    this.service = service;
    this.opts = opts;
    this.refuse = opts.refuse;
    this.headers.date = opts.date ?? null;
    this.start([
      [SETTING.maxConcurrentStreams, this.limits.maxConcurrentStreams],
      [SETTING.initialWindowSize, WINDOW],
      [SETTING.maxHeaderListSize, this.limits.maxHeaderListSize],
      [SETTING.enableConnectProtocol, 1],
    ], first);
  }

  drain(): void {
    if (this.draining || this.stopped) return;
    this.draining = true;
    // Requests may be under way that the client sent before it hears of this, so the last stream is named a round trip later (RFC 9113 6.8).
    writeGoaway(this.wire, MAX_STREAM_ID, CODE.noError, '');
    writePing(this.wire, 0, 0, PING_DRAIN);
    this.drainTimer = this.opts.clock.after(DRAIN_PING_MS, () => this.settleDrain());
  }

  protected pong(low: number): void {
    if (low === PING_DRAIN && this.draining) this.settleDrain();
  }

  private settleDrain(): void {
    if (this.finalId >= 0 || this.stopped) return;
    this.opts.clock.cancel(this.drainTimer);
    this.finalId = this.lastId;
    writeGoaway(this.wire, this.lastId, CODE.noError, '');
    this.streamGone();
  }

  protected override parse(buf: Buffer, start: number, end: number): void {
    let p = start;
    for (; this.prefaced < PREFACE.length && p < end; p++) if (buf[p] !== PREFACE[this.prefaced++]) throw new ConnectionError(CODE.protocol, 'preface');
    super.parse(buf, p, end);
  }

  protected isIdle(id: number): boolean {
    return (id & 1) === 0 || id > this.lastId;
  }

  protected get lastPeerId(): number {
    return this.finalId >= 0 ? this.finalId : this.lastId;
  }

  protected readonly fromServer = false;

  protected settingsTaken(): void {
    // A server acts on nothing but what Connection has done already.
  }

  protected goaway(): void {
    // It is about streams that a server would open (RFC 9113 6.8); a client that wants no more closes the connection.
  }

  protected streamGone(): void {
    if (this.finalId >= 0 && this.active === 0) this.linger(GRACE_MS);
  }

  protected brokenReason(): Reset {
    return RESET.cancel;
  }

  protected finished(): void {
    for (const stream of this.streams.all()) if (!stream.closed && !stream.remoteEnded) this.abandon(stream, RESET.cancel);
    this.finalId = this.lastId;
    this.streamGone();
  }

  protected ended(): void {
    this.opts.clock.cancel(this.drainTimer);
    this.onClose?.();
  }

  protected takesContent(): boolean {
    return true;
  }

  protected headerBlock(id: number, ends: boolean, selfDependent: boolean, block: HeaderBlock): void {
    const stream = this.streams.get(id);
    if (stream !== undefined) return this.trailers(stream, ends, block);
    if ((id & 1) === 0) throw new ConnectionError(CODE.protocol, 'even-stream-id');
    if (id <= this.lastId) {
      if (this.wasReset(id)) return;
      throw new ConnectionError(this.skipped ? CODE.protocol : CODE.streamClosed, 'headers-on-closed-stream');
    }
    if (id !== this.lastId + 2 && id !== 1) this.skipped = true;
    this.lastId = id;
    // Above the last stream that GOAWAY named: the client knows that it was not served.
    if (this.finalId >= 0) return;
    if (selfDependent) return this.streamError(id, CODE.protocol, 'stream-depends-on-itself');
    if (this.active >= this.limits.maxConcurrentStreams) return this.streamError(id, CODE.refusedStream, 'too-many-streams');
    if (block.tooLarge) return this.answerTooLarge(id, ends);
    const head = requestHead(block);
    if (head === null) return this.streamError(id, CODE.protocol, block.malformed);
    this.serve(id, ends, head);
  }

  private serve(id: number, ends: boolean, head: RequestHead): void {
    const connect = head.method === 'CONNECT' || head.upgrade !== '';
    if (connect) head.contentLength = -1;
    if (!ends && head.method === 'TRACE') return this.streamError(id, CODE.protocol, 'trace-body');
    if (ends && head.contentLength > 0) return this.streamError(id, CODE.protocol, 'content-length-mismatch');
    const stream = new ServerStream(this, id, connect, head.upgrade, head.fields);
    stream.remoteEnded = ends;
    if (!ends) {
      stream.left = head.contentLength;
      this.stalls.arm();
    }
    this.streams.add(stream);
    this.meter.worked();
    const request = this.service(head, ends && !connect, stream);
    if (stream.closed) {
      if (!ends && !stream.wasResetHere) request.reset(RESET.noError);
      return;
    }
    stream.peer = request;
    if (stream.owed > 0) this.outbox.pay(stream);
  }

  private trailers(stream: Stream, ends: boolean, block: HeaderBlock): void {
    if (stream.remoteEnded) return this.streamError(stream.id, CODE.streamClosed, 'headers-after-end');
    if (!ends) return this.streamError(stream.id, CODE.protocol, 'trailers-without-end');
    if (block.tooLarge) return this.streamError(stream.id, CODE.enhanceYourCalm, 'header-list-too-large');
    const fields = trailerFields(block);
    if (fields === null) return this.streamError(stream.id, CODE.protocol, block.malformed);
    if (stream.left > 0) return this.streamError(stream.id, CODE.protocol, 'content-length-mismatch');
    this.remoteEnd(stream, fields);
  }

  protected remoteEnd(stream: Stream, trailers: Fields | null): void {
    stream.remoteEnded = true;
    if (stream.localEnded) this.forget(stream);
    // Into a tunnel that is not open the end goes when it is.
    if (stream.early === null) stream.peer!.end(trailers);
  }

  private answerTooLarge(id: number, ends: boolean): void {
    this.meter.wasReset();
    this.opts.count('header-list-too-large');
    const head = this.refuse(new ProxyError('HEAD_TOO_LARGE', '', 'header-list-too-large'), null);
    const stream = new ServerStream(this, id, false, '', head.fields);
    stream.remoteEnded = ends;
    this.streams.add(stream);
    stream.head(head);
    stream.end(null);
  }
}
