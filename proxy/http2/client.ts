/** The client role of HTTP/2: one connection to an endpoint. */
import type { Wire } from '../io/wire.ts';
import { type ClientConnection, type Fields, type RequestHead, type RequestStream, type ResponseStream, type Service, WINDOW } from '../message/contract.ts';
import { RESET, type Reset } from '../message/reset.ts';
import { ClientStream } from './client-stream.ts';
import { Connection, LINGER_MS } from './connection.ts';
import { CODE, ConnectionError, MAX_STREAM_ID, PREFACE, SETTING, writeGoaway } from './frames.ts';
import { responseHead, trailerFields } from './heads.ts';
import type { HeaderBlock } from './hpack/block.ts';
import type { ClientOptions } from './options.ts';
import type { Stream } from './stream.ts';

/** What a refused call returns: there is nothing to send to. */
const NOWHERE: RequestStream = { data() {}, end() {}, reset() {}, credit() {} };

export class Http2Client extends Connection implements ClientConnection {
  readonly call: Service;
  onChange: (() => void) | null = null;
  private nextId = 1;
  private draining = false;

  /** Sends the preface and settings at once; requests may follow before the server's settings are known. */
  constructor(wire: Wire, opts: ClientOptions, first: Buffer | null = null) {
    super(wire, opts);
    this.call = (head, ended, client) => this.open(head, ended, client);
    wire.write(PREFACE);
    this.start([
      [SETTING.enablePush, 0],
      [SETTING.initialWindowSize, WINDOW],
      [SETTING.maxHeaderListSize, this.limits.maxHeaderListSize],
    ], first);
  }

  get capacity(): number {
    return this.draining || this.stopped || this.wire.congested ? 0 : Math.max(0, this.maxStreams - this.streams.size);
  }

  get closed(): boolean {
    return this.draining || this.stopped;
  }

  private get maxStreams(): number {
    return Math.min(this.limits.maxConcurrentStreams, this.peerSettings.maxConcurrentStreams);
  }

  private open(head: RequestHead, ended: boolean, client: ResponseStream): RequestStream {
    if (this.draining || this.stopped || this.streams.size >= this.maxStreams) {
      client.reset(RESET.refused);
      return NOWHERE;
    }
    const id = this.nextId;
    this.nextId += 2;
    // HTTP/2 has no Upgrade (RFC 9113 8.6), but a server may take extended CONNECT for it. A request that only offers one has no content, so it can go without the offer.
    const upgrades = head.upgrade !== '';
    const extended = upgrades && this.peerSettings.connectProtocol;
    const stream = new ClientStream(this, id, client, extended ? 'CONNECT' : head.method, extended ? head : null);
    this.streams.add(stream);
    const ends = ended || (upgrades && !extended);
    stream.localEnded = ends;
    this.headers.request(id, head, ends, extended);
    this.meter.worked();
    if (this.nextId > MAX_STREAM_ID) this.drain();
    return stream;
  }

  /** No new exchanges; closes when the running ones are done. */
  drain(): void {
    if (this.draining || this.stopped) return;
    this.draining = true;
    this.onChange?.();
    this.streamGone();
  }

  override drained(): void {
    super.drained();
    if (this.capacity > 0) this.onChange?.();
  }

  protected goaway(lastId: number): void {
    const first = !this.draining;
    this.draining = true;
    if (first) this.onChange?.();
    for (const stream of this.streams.all()) if (!stream.closed && stream.id > lastId) this.abandon(stream, RESET.refused);
    this.streamGone();
  }

  protected streamGone(): void {
    if (this.stopped) return;
    const { size } = this.streams;
    if (!this.draining) {
      if (size === this.maxStreams - 1) this.onChange?.();
    } else if (size === 0) {
      writeGoaway(this.wire, 0, CODE.noError, '');
      this.linger(LINGER_MS);
    }
  }

  protected settingsTaken(): void {
    if (this.capacity > 0) this.onChange?.();
  }

  protected isIdle(id: number): boolean {
    return (id & 1) === 0 || id >= this.nextId;
  }

  /** Servers open no streams here: push is off. */
  protected readonly lastPeerId = 0;
  protected readonly fromServer = true;

  protected pong(): void {
    // KeepAlive counts octets, whatever they say.
  }

  protected brokenReason(stream: Stream): Reset {
    return (stream as ClientStream).leftFor(this.wire.writtenBytes) ? RESET.io : RESET.refused;
  }

  protected finished(): void {
    this.destroy();
  }

  protected ended(): void {
    this.onChange?.();
  }

  protected takesContent(stream: Stream): boolean {
    return (stream as ClientStream).answered;
  }

  protected headerBlock(id: number, ends: boolean, _selfDependent: boolean, block: HeaderBlock): void {
    const stream = this.streams.get(id) as ClientStream | undefined;
    if (stream === undefined) {
      if (this.isIdle(id)) throw new ConnectionError(CODE.protocol, 'headers-on-idle-stream');
      if (!this.wasReset(id)) throw new ConnectionError(CODE.streamClosed, 'headers-on-closed-stream');
      return this.meter.took(1, 'headers-on-closed-stream');
    }
    if (stream.remoteEnded) return this.streamError(id, CODE.streamClosed, 'headers-after-end');
    if (block.tooLarge) return this.streamError(id, CODE.enhanceYourCalm, 'header-list-too-large');
    if (stream.answered) this.trailers(stream, ends, block);
    else this.head(stream, ends, block);
  }

  private head(stream: ClientStream, ends: boolean, block: HeaderBlock): void {
    const head = responseHead(block);
    if (head === null) return this.streamError(stream.id, CODE.protocol, block.malformed);
    if (head.status < 200) {
      this.meter.took(1, 'informational-flood');
      if (ends) return this.streamError(stream.id, CODE.protocol, 'informational-with-end');
      stream.client.informational(head);
      return;
    }
    stream.answer(head);
    if (ends && stream.left > 0) return this.streamError(stream.id, CODE.protocol, 'content-length-mismatch');
    stream.client.head(head);
    if (ends && !stream.closed) this.remoteEnd(stream, null);
  }

  private trailers(stream: ClientStream, ends: boolean, block: HeaderBlock): void {
    if (!ends) return this.streamError(stream.id, CODE.protocol, 'trailers-without-end');
    const fields = trailerFields(block);
    if (fields === null) return this.streamError(stream.id, CODE.protocol, block.malformed);
    if (stream.left > 0) return this.streamError(stream.id, CODE.protocol, 'content-length-mismatch');
    this.remoteEnd(stream, fields);
  }

  protected remoteEnd(stream: Stream, trailers: Fields | null): void {
    const s = stream as ClientStream;
    s.remoteEnded = true;
    if (s.localEnded) {
      this.meter.finished();
      this.forget(s);
    } else if (s.refusedTunnel) {
      this.sendReset(s.id, CODE.cancel);
      this.forget(s);
    }
    s.client.end(trailers);
  }
}
