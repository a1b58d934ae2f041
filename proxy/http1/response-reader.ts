import { ProxyError } from '../errors.ts';
import { held } from '../io/held.ts';
import type { Wire } from '../io/wire.ts';
import { ResponseHead, type Fields } from '../message/contract.ts';
import { ChunkDecoder } from './chunked.ts';
import type { ClientExchange } from './client-exchange.ts';
import { HEADS } from './head-cache.ts';
import { findHeadEnd, refuseBareLineEnds } from './head-end.ts';
import { MAX_INFORMATIONAL } from './limits.ts';
import type { ClientOptions } from './options.ts';
import { Stash } from './stash.ts';
import { parseStatusLine } from './status-line.ts';

/** What the next bytes from the server are. */
const IDLE = 0;
const HEAD = 1;
const LENGTH = 2;
const CHUNKED = 3;
/** a body until the connection closes */
const CLOSE = 4;
const TUNNEL = 5;
const OVER = 6;

/** What the reader needs of its connection. */
export interface ResponseOwner {
  readonly wire: Wire;
  keepAliveTimeout: number;
  responseEnded(x: ClientExchange, reusable: boolean, trailers: Fields | null): void;
  tunnelEnded(x: ClientExchange): void;
  /** the server broke the protocol, or spoke without being asked */
  broken(): void;
  truncated(): void;
}

/** Turns what a server sends into responses (RFC 9112 4 to 7), as strictly as requests are read. */
export class ResponseReader {
  /** a byte of the current response has come */
  answered = false;
  private readonly owner: ResponseOwner;
  private readonly opts: ClientOptions;
  private readonly stash: Stash;
  private exchange: ClientExchange | null = null;
  private state = IDLE;
  private decoder: ChunkDecoder | null = null;
  private remaining = 0;
  private keepAlive = true;
  private informational = 0;
  private scanned = 0;
  private running = false;
  private paused = false;
  private eofSeen = false;

  constructor(owner: ResponseOwner, opts: ClientOptions) {
    this.owner = owner;
    this.opts = opts;
    this.stash = new Stash(owner.wire);
  }

  /** The server will send nothing more, and all that it sent has been delivered. */
  get ended(): boolean {
    return this.eofSeen && this.stash.length === 0;
  }

  expect(x: ClientExchange): void {
    this.exchange = x;
    this.state = HEAD;
    this.answered = false;
    this.informational = 0;
  }

  /** The exchange is over before its response was: whatever still comes is dropped. */
  abandon(): void {
    this.exchange = null;
    this.state = OVER;
  }

  read(buf: Buffer, start: number, end: number): void {
    this.answered = true;
    if (this.stash.length > 0) {
      this.stash.append(buf, start, end);
      this.pump();
      return;
    }
    const p = this.run(buf, start, end);
    if (p < end) this.stash.append(buf, p, end);
    this.adjust();
  }

  eof(): void {
    this.eofSeen = true;
    if (!this.running && (this.stash.length === 0 || this.state === HEAD)) this.atEof();
  }

  shed(): void {
    this.opts.count('memory-cap');
    this.owner.wire.destroy();
  }

  credited(): void {
    if (!this.running && this.stash.length > 0) this.pump();
  }

  private readonly pump = (): void => {
    if (this.running) return;
    const stash = this.stash;
    if (stash.length > 0) stash.consume(this.run(stash.buf, stash.start, stash.end));
    this.adjust();
    if (this.eofSeen && stash.length === 0) this.atEof();
  };

  private adjust(): void {
    const wanted = this.state === HEAD || this.stash.length === 0;
    if (wanted === !this.paused) return;
    this.paused = !wanted;
    if (wanted) this.owner.wire.resume();
    else this.owner.wire.pause();
  }

  private atEof(): void {
    const x = this.exchange;
    if (x === null) return;
    if (this.state === CLOSE) this.finish(x, null, false);
    else if (this.state === TUNNEL) this.owner.tunnelEnded(x);
    else this.owner.truncated();
  }

  private run(buf: Buffer, p: number, end: number): number {
    this.running = true;
    while (p < end) {
      const before = p;
      const state = this.state;
      if (state === HEAD) {
        p = this.head(buf, p, end);
      } else if (state === LENGTH) {
        p = this.length(buf, p, end);
      } else if (state === CHUNKED) {
        p = this.chunk(buf, p, end);
      } else if (state === CLOSE || state === TUNNEL) {
        p += this.deliver(buf, p, end);
      } else {
        // Bytes that no request asked for cannot belong to the next response.
        if (state === IDLE) this.protocolError('unsolicited-bytes');
        p = end;
      }
      if (p === before && this.state === state) break;
    }
    this.running = false;
    return p;
  }

  private head(buf: Buffer, p: number, end: number): number {
    const { maxHeadBytes } = this.opts.limits;
    const headEnd = findHeadEnd(buf, p + Math.max(0, this.scanned - 3), end);
    try {
      if (headEnd < 0) {
        if (buf[p] !== 72) throw new ProxyError('BAD_GATEWAY', 'the response does not begin with a status line', 'bad-status-line');
        refuseBareLineEnds(buf, p, p + this.scanned, end);
        this.scanned = end - p;
        if (end - p > maxHeadBytes) throw new ProxyError('BAD_GATEWAY', 'the response head is too large', 'head-too-large');
        return p;
      }
      this.scanned = 0;
      if (headEnd - p > maxHeadBytes) throw new ProxyError('BAD_GATEWAY', 'the response head is too large', 'head-too-large');
      this.begin(buf, p, headEnd, headEnd === end);
    } catch (e) {
      if (!(e instanceof ProxyError)) throw e;
      this.protocolError(e.reason);
      return end;
    }
    return headEnd;
  }

  /** `last`: no byte follows the head in what has been received. */
  private begin(buf: Buffer, p: number, end: number, last: boolean): void {
    const x = this.exchange!;
    const { status, version, next } = parseStatusLine(buf, p);
    const block = HEADS.get(buf, next, end, this.opts.limits);
    const head = new ResponseHead(status, block.fields, status < 200 || status === 204 ? -1 : block.contentLength);
    head.version = version;
    if (status === 426) head.upgrade = block.upgrade;
    if (status === 101) {
      if (x.upgrade === '' || block.upgrade === '') throw badGateway('a switch of protocols that was not asked for', 'unexpected-101');
      head.upgrade = block.upgrade;
      this.openTunnel(x, head);
      return;
    }
    if (status < 200) {
      if (++this.informational > MAX_INFORMATIONAL) throw badGateway('too many informational responses', 'too-many-informational');
      x.client.informational(head);
      return;
    }
    if (x.method === 'CONNECT' && status < 300) {
      head.contentLength = -1;
      this.openTunnel(x, head);
      return;
    }
    if (block.chunked && version === 0) throw badGateway('Transfer-Encoding in an HTTP/1.0 response', 'transfer-encoding-http10');
    if (block.keepAliveTimeout >= 0) this.owner.keepAliveTimeout = block.keepAliveTimeout;
    this.keepAlive = !block.close && (version === 1 || block.keepAlive) && !x.asksTunnel;
    if (x.asksTunnel) x.requestDone = true;
    const bodyless = x.method === 'HEAD' || status === 204 || status === 304;
    if (bodyless || (!block.chunked && block.contentLength === 0)) {
      x.client.head(head);
      if (this.exchange === x) this.finish(x, null, last);
      return;
    }
    if (block.chunked) {
      this.decoder ??= new ChunkDecoder(this.opts.limits, this.owner.wire);
      this.decoder.reset();
      this.state = CHUNKED;
    } else if (block.contentLength > 0) {
      this.remaining = block.contentLength;
      this.state = LENGTH;
    } else {
      this.state = CLOSE;
    }
    x.client.head(head);
  }

  private openTunnel(x: ClientExchange, head: ResponseHead): void {
    this.state = TUNNEL;
    x.tunnel = true;
    x.client.head(head);
  }

  private length(buf: Buffer, p: number, end: number): number {
    const x = this.exchange!;
    const stop = Math.min(end, p + this.remaining);
    const n = this.deliver(buf, p, stop);
    this.remaining -= n;
    if (this.remaining === 0 && this.exchange === x) this.finish(x, null, p + n === end);
    return p + n;
  }

  private chunk(buf: Buffer, p: number, end: number): number {
    const x = this.exchange!;
    const decoder = this.decoder!;
    if (decoder.remaining === 0) {
      try {
        p = decoder.frame(buf, p, end);
      } catch (e) {
        if (!(e instanceof ProxyError)) throw e;
        this.protocolError(e.reason);
        return end;
      }
      if (decoder.done) this.finish(x, decoder.trailers, p === end);
      return p;
    }
    const n = this.deliver(buf, p, Math.min(end, p + decoder.remaining));
    decoder.took(n);
    return p + n;
  }

  private deliver(buf: Buffer, p: number, end: number): number {
    const x = this.exchange!;
    const n = Math.min(end - p, x.window - held.reserve);
    if (n <= 0) return 0;
    x.window -= n;
    x.client.data(buf, p, p + n);
    return n;
  }

  private finish(x: ClientExchange, trailers: Fields | null, last: boolean): void {
    if (!last && this.state !== CLOSE) this.opts.count('unsolicited-bytes');
    const reusable = last && this.keepAlive && this.state !== CLOSE;
    this.exchange = null;
    this.state = reusable ? IDLE : OVER;
    this.owner.responseEnded(x, reusable, trailers);
  }

  private protocolError(reason: string): void {
    this.opts.count(reason);
    this.abandon();
    this.owner.broken();
  }
}

const badGateway = (text: string, reason: string): ProxyError => new ProxyError('BAD_GATEWAY', text, reason);
