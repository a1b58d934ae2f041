import { ProxyError } from '../errors.ts';
import { held } from '../io/held.ts';
import type { Wire } from '../io/wire.ts';
import type { Fields, RequestHead } from '../message/contract.ts';
import { LOWER_TOKEN } from './chars.ts';
import { ChunkDecoder } from './chunked.ts';
import { findHeadEnd, refuseBareLineEnds } from './head-end.ts';
import { DISCARD_LIMIT } from './limits.ts';
import type { ServerOptions } from './options.ts';
import { parseRequestHead } from './request-head.ts';
import type { ServerExchange } from './server-exchange.ts';
import { Stash } from './stash.ts';

/** What the next bytes from the client are. */
export const EXPECT = {
  HEAD: 0,
  LENGTH: 1,
  CHUNKED: 2,
  /** nothing yet: the request is complete and its response is not, so the next request waits */
  WAIT: 3,
  /** nothing yet: a tunnel was asked for and not granted */
  PENDING: 4,
  TUNNEL: 5,
  /** whatever comes is dropped: the last answer is out */
  DROP: 6,
} as const;

/** What the reader needs of its connection. */
export interface RequestOwner {
  readonly wire: Wire;
  /** set for as long as the reader is between WAIT and a head */
  readonly exchange: ServerExchange | null;
  /** a head is complete; the reader is ready for what follows it */
  request(head: RequestHead, ended: boolean, keepAlive: boolean, expect: boolean): void;
  requestEnded(trailers: Fields | null): void;
  /** what the client sent is not a request; the reader drops what still comes */
  refuse(error: ProxyError): void;
  /** the client sends no more, and all that it sent was taken as far as it could be; called again after bytes that waited */
  ended(): void;
  /** more than DISCARD_LIMIT bytes of an unwanted body came */
  discardedTooMuch(): void;
}

/**
 * Turns what a client sends into requests. One at a time: of what a pipelining client sends ahead, one read waits in the stash and the rest in the kernel.
 */
export class RequestReader {
  expects: (typeof EXPECT)[keyof typeof EXPECT] = EXPECT.HEAD;
  /** the client has closed its side */
  eofSeen = false;
  /** the rest of the body goes nowhere */
  discarding = false;
  /** sweeper time at which the incomplete head began */
  headSince = 0;
  private readonly owner: RequestOwner;
  private readonly opts: ServerOptions;
  private readonly stash: Stash;
  private decoder: ChunkDecoder | null = null;
  /** body bytes to come, with LENGTH */
  private remaining = 0;
  private discardLeft = 0;
  /** leading empty lines skipped, and bytes of an incomplete head that have been searched for its end */
  private leading = 0;
  private scanned = 0;
  /** run() is on the stack */
  private running = false;
  private paused = false;

  constructor(owner: RequestOwner, opts: ServerOptions) {
    this.owner = owner;
    this.opts = opts;
    this.stash = new Stash(owner.wire);
  }

  /** bytes that came and could not be taken yet */
  get held(): number {
    return this.stash.length;
  }

  read(buf: Buffer, start: number, end: number): void {
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
    this.owner.ended();
  }

  /** The next request may come. */
  next(): void {
    this.expects = EXPECT.HEAD;
    this.discarding = false;
    if (this.stash.length > 0) this.pumpLater();
  }

  /** The tunnel is open: what comes belongs to it. */
  tunnel(): void {
    this.expects = EXPECT.TUNNEL;
    if (this.stash.length > 0 || this.eofSeen) this.pumpLater();
  }

  /** Nothing that still comes matters. */
  drop(): void {
    this.expects = EXPECT.DROP;
    if (this.running) return;
    this.stash.clear();
    this.adjust();
  }

  /** The rest of the body is not wanted. False when it is certain to be more than what is read for the sake of the connection. */
  discard(): boolean {
    if (this.expects === EXPECT.LENGTH && this.remaining > DISCARD_LIMIT) return false;
    this.discarding = true;
    this.discardLeft = DISCARD_LIMIT;
    if (this.stash.length > 0) this.pumpLater();
    return true;
  }

  /** There is credit again, or room for a response. */
  goOn(): void {
    if (this.stash.length > 0) this.pump();
  }

  /** In a turn of its own, so that one exchange does not begin on the stack of another. */
  pumpLater(): void {
    if (!this.running) queueMicrotask(this.pump);
  }

  private readonly pump = (): void => {
    if (this.running || this.owner.wire.closed) return;
    const stash = this.stash;
    if (stash.length > 0) stash.consume(this.run(stash.buf, stash.start, stash.end));
    this.adjust();
    if (this.eofSeen) this.owner.ended();
  };

  /** Reads the socket only while there is somewhere for its bytes to go. */
  private adjust(): void {
    // The only bytes that wait while reading goes on are those of an incomplete head, which has a limit of its own.
    const wanted = this.stash.length === 0 || (this.expects === EXPECT.HEAD && !this.owner.wire.congested);
    if (wanted === !this.paused) return;
    this.paused = !wanted;
    if (wanted) this.owner.wire.resume();
    else this.owner.wire.pause();
  }

  /** Takes as much of buf[p, end) as can be taken now; returns where it stopped. */
  private run(buf: Buffer, p: number, end: number): number {
    this.running = true;
    while (p < end) {
      const before = p;
      const expects = this.expects;
      if (expects === EXPECT.HEAD) p = this.head(buf, p, end);
      else if (expects === EXPECT.LENGTH) p = this.body(buf, p, Math.min(end, p + this.remaining));
      else if (expects === EXPECT.CHUNKED) p = this.chunk(buf, p, end);
      else if (expects === EXPECT.TUNNEL) p += this.deliver(buf, p, end);
      else if (expects === EXPECT.DROP) p = end;
      if (p === before && this.expects === expects) break;
    }
    this.running = false;
    return p;
  }

  private head(buf: Buffer, p: number, end: number): number {
    // A client that does not read its responses gets no further requests served.
    if (this.owner.wire.congested) return p;
    if (this.scanned === 0) {
      // RFC 9112 2.2: old clients send an empty line after a body.
      while (this.leading < 2 && buf[p] === 13 && p + 1 < end && buf[p + 1] === 10) {
        p += 2;
        this.leading++;
      }
      this.headSince = this.opts.sweeper.now;
      if (p === end || (this.leading < 2 && buf[p] === 13 && p + 1 === end)) return p;
    }
    const headEnd = findHeadEnd(buf, p + Math.max(0, this.scanned - 3), end);
    let parsed;
    try {
      if (headEnd < 0) {
        this.incomplete(buf, p, end);
        return p;
      }
      parsed = parseRequestHead(buf, p, headEnd, this.opts.limits, this.opts.scheme);
    } catch (e) {
      return this.refused(e, end);
    }
    this.scanned = 0;
    this.leading = 0;
    const { head } = parsed;
    const tunnel = head.upgrade !== '' || head.method === 'CONNECT';
    const ended = !parsed.bodied && !tunnel;
    if (ended) {
      this.expects = EXPECT.WAIT;
    } else if (parsed.chunked) {
      this.decoder ??= new ChunkDecoder(this.opts.limits, this.owner.wire);
      this.decoder.reset();
      this.expects = EXPECT.CHUNKED;
    } else {
      this.remaining = head.contentLength;
      this.expects = tunnel ? EXPECT.PENDING : EXPECT.LENGTH;
    }
    this.owner.request(head, ended, parsed.keepAlive, parsed.expect);
    return headEnd;
  }

  /** Throws for what is already wrong with the beginning of a head. */
  private incomplete(buf: Buffer, p: number, end: number): void {
    const { maxRequestLineBytes, maxHeadBytes } = this.opts.limits;
    if (LOWER_TOKEN[buf[p]!] === 0) throw new ProxyError('BAD_REQUEST', 'the request does not begin with a method', 'bad-method');
    refuseBareLineEnds(buf, p, p + this.scanned, end);
    this.scanned = end - p;
    if (end - p > maxRequestLineBytes) {
      const lf = buf.indexOf(10, p);
      if (lf < 0 || lf - p > maxRequestLineBytes) throw new ProxyError('URI_TOO_LONG', 'the request line is too long', 'request-line-too-long');
    }
    if (end - p > maxHeadBytes) throw new ProxyError('HEAD_TOO_LARGE', 'the request head is too large', 'head-too-large');
  }

  private body(buf: Buffer, p: number, end: number): number {
    const n = this.deliver(buf, p, end);
    this.remaining -= n;
    if (this.remaining === 0 && this.expects === EXPECT.LENGTH) this.complete(null);
    return p + n;
  }

  private chunk(buf: Buffer, p: number, end: number): number {
    const decoder = this.decoder!;
    if (decoder.remaining === 0) {
      try {
        p = decoder.frame(buf, p, end);
      } catch (e) {
        return this.refused(e, end);
      }
      if (decoder.done) this.complete(decoder.trailers);
      return p;
    }
    const n = this.deliver(buf, p, Math.min(end, p + decoder.remaining));
    decoder.took(n);
    return p + n;
  }

  /** Hands body bytes on, within the window. */
  private deliver(buf: Buffer, p: number, end: number): number {
    if (this.discarding) {
      this.discardLeft -= end - p;
      if (this.discardLeft < 0) this.owner.discardedTooMuch();
      return end - p;
    }
    const x = this.owner.exchange!;
    const n = Math.min(end - p, x.window - held.reserve);
    if (n <= 0) return 0;
    x.awaitsContinue = false;
    x.window -= n;
    x.request.data(buf, p, p + n);
    return n;
  }

  private complete(trailers: Fields | null): void {
    this.expects = EXPECT.WAIT;
    this.owner.requestEnded(trailers);
  }

  private refused(e: unknown, end: number): number {
    if (!(e instanceof ProxyError)) throw e;
    this.expects = EXPECT.DROP;
    this.owner.refuse(e);
    return end;
  }
}
