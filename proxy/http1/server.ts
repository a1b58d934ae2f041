import { ProxyError } from '../errors.ts';
import type { Reader, Wire } from '../io/wire.ts';
import { RequestHead, type Fields, type ServerConnection, type Service } from '../message/contract.ts';
import { RESET } from '../message/reset.ts';
import { abort } from './abort.ts';
import { LOWER_TOKEN } from './chars.ts';
import { ChunkDecoder } from './chunked.ts';
import { FRAMING, writeResponseHead } from './encode.ts';
import { HEADS } from './head-cache.ts';
import { findHeadEnd, refuseBareLineEnds } from './head-end.ts';
import { DISCARD_LIMIT, DRAIN_IDLE_MS, LINGER_MS, PIPELINE_LIMIT, STALL_MS } from './limits.ts';
import type { ServerOptions } from './options.ts';
import { parseRequestLine } from './request-line.ts';
import { ServerExchange, type ExchangeOwner } from './server-exchange.ts';
import { Stash } from './stash.ts';
import type { Swept } from './sweeper.ts';

/** What the next bytes from the client are. */
const HEAD = 0;
const LENGTH = 1;
const CHUNKED = 2;
/** the request is complete and its response is not: the next request waits */
const WAIT = 3;
/** a tunnel was asked for and not granted yet: whatever comes waits */
const PENDING = 4;
const TUNNEL = 5;
/** the last answer is out: the client's bytes are dropped until it closes */
const LINGER = 6;

/** Serves HTTP/1 (RFC 9112) on `wire`; `first` are bytes that detection has read already. */
export function serveHttp1(wire: Wire, service: Service, opts: ServerOptions, first: Buffer | null): ServerConnection {
  const connection = new Http1Server(wire, service, opts);
  wire.start(connection, first);
  return connection;
}

/**
 * One connection from a client. Requests are parsed one at a time, the next when the exchange before is over, so responses are in order by themselves;
 * what a pipelining client sends ahead waits in the stash up to a bound, then in the kernel.
 */
class Http1Server implements ServerConnection, Reader, ExchangeOwner, Swept {
  readonly wire: Wire;
  onClose: (() => void) | null = null;
  /** of the current request */
  version: 0 | 1 = 1;
  private readonly service: Service;
  private readonly opts: ServerOptions;
  private state = HEAD;
  private exchange: ServerExchange | null = null;
  private readonly stash = new Stash();
  private decoder: ChunkDecoder | null = null;
  /** body bytes to come, with LENGTH */
  private remaining = 0;
  private keepAlive = true;
  private draining = false;
  private eofSeen = false;
  /** run() is on the stack */
  private running = false;
  private paused = false;
  /** the rest of the request body is dropped, at most discardLeft bytes of it */
  private discarding = false;
  private discardLeft = 0;
  /** leading empty lines skipped, bytes of an incomplete head that have been searched for its end */
  private leading = 0;
  private scanned = 0;
  private served = 0;
  /** sweeper time at which the present wait began, and at which the incomplete head began */
  private since: number;
  private headSince = 0;
  private backlog = 0;

  constructor(wire: Wire, service: Service, opts: ServerOptions) {
    this.wire = wire;
    this.service = service;
    this.opts = opts;
    this.since = opts.sweeper.now;
    opts.sweeper.add(this);
  }

  get active(): number {
    return this.exchange === null ? 0 : 1;
  }

  drain(): void {
    if (this.draining) return;
    this.draining = true;
    if (this.state === HEAD && this.stash.length === 0) this.since = this.opts.sweeper.now;
  }

  destroy(): void {
    this.wire.destroy();
  }

  // What the wire calls.

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
    this.atEof();
  }

  drained(): void {
    this.exchange?.settle();
    if (this.state === HEAD && this.stash.length > 0) queueMicrotask(this.pump);
  }

  closed(): void {
    this.opts.sweeper.delete(this);
    this.state = LINGER;
    const x = this.exchange;
    this.exchange = null;
    if (x !== null && !x.dead) {
      x.dead = true;
      x.request.reset(RESET.cancel);
    }
    this.onClose?.();
  }

  // From bytes to requests.

  /** Goes on with what is in the stash. */
  private readonly pump = (): void => {
    if (this.running || this.wire.closed) return;
    const stash = this.stash;
    if (stash.length > 0) stash.consume(this.run(stash.buf, stash.start, stash.end));
    this.adjust();
    if (this.eofSeen) this.atEof();
  };

  /** Reads the socket only while there is somewhere for its bytes to go. */
  private adjust(): void {
    let wanted = true;
    if (this.state === LENGTH || this.state === CHUNKED || this.state === TUNNEL) wanted = this.stash.length === 0;
    else if (this.state !== LINGER) wanted = this.stash.length <= PIPELINE_LIMIT || (this.state === HEAD && !this.wire.congested);
    if (wanted === !this.paused) return;
    this.paused = !wanted;
    if (wanted) this.wire.resume();
    else this.wire.pause();
  }

  /** Takes as much of buf[p, end) as can be taken now; returns where it stopped. */
  private run(buf: Buffer, p: number, end: number): number {
    this.running = true;
    while (p < end) {
      const before = p;
      const state = this.state;
      if (state === HEAD) p = this.head(buf, p, end);
      else if (state === LENGTH) p = this.body(buf, p, Math.min(end, p + this.remaining));
      else if (state === CHUNKED) p = this.chunk(buf, p, end);
      else if (state === TUNNEL) p = this.body(buf, p, end);
      else if (state === LINGER) p = end;
      if (p === before && this.state === state) break;
    }
    this.running = false;
    return p;
  }

  /** Parses one request head and starts its exchange. */
  private head(buf: Buffer, p: number, end: number): number {
    if (this.wire.congested) return p;
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
    try {
      if (headEnd < 0) {
        this.incomplete(buf, p, end);
        return p;
      }
      this.scanned = 0;
      this.leading = 0;
      this.start(buf, p, headEnd);
    } catch (e) {
      if (!(e instanceof ProxyError)) throw e;
      this.refuse(e);
      return end;
    }
    return headEnd;
  }

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

  private start(buf: Buffer, p: number, end: number): void {
    const { limits } = this.opts;
    const line = parseRequestLine(buf, p, end, limits.maxRequestLineBytes);
    if (end - p > limits.maxHeadBytes) throw new ProxyError('HEAD_TOO_LARGE', 'the request head is too large', 'head-too-large');
    const block = HEADS.get(buf, line.next, end, limits);
    const { method, version } = line;
    const connect = method === 'CONNECT';
    const bodied = block.chunked || block.contentLength > 0;
    if (block.chunked && version === 0) throw badRequest('Transfer-Encoding in an HTTP/1.0 request', 'transfer-encoding-http10');
    if (block.host === null && version === 1) throw badRequest('the Host field is missing', 'missing-host');
    if (connect && bodied) throw badRequest('CONNECT with a body', 'connect-body');
    const authority = connect || line.absoluteForm ? line.authority : (block.host ?? '');
    const head = new RequestHead(method, line.scheme || this.opts.scheme, authority, line.path, block.fields, block.contentLength);
    head.version = version;
    head.absoluteForm = line.absoluteForm;
    // A body before the switch of protocols has no place in the message model; RFC 9110 7.8 lets a server ignore Upgrade.
    if (block.upgradeOption && version === 1 && !bodied && !connect) head.upgrade = block.upgrade;
    // RFC 9110 10.1.1: the expectation of an HTTP/1.0 client is ignored.
    if (block.expect && version === 0) head.fields = withoutExpect(block.fields);
    this.version = version;
    this.keepAlive = !block.close && (version === 1 || block.keepAlive);
    this.served++;
    this.begin(head, bodied, block.chunked, block.expect && version === 1);
  }

  private begin(head: RequestHead, bodied: boolean, chunked: boolean, expect: boolean): void {
    const tunnel = head.upgrade !== '' || head.method === 'CONNECT';
    const ended = !bodied && !tunnel;
    const x = new ServerExchange(this, head.method, head.upgrade, ended);
    x.awaitsContinue = expect && bodied;
    this.exchange = x;
    this.discarding = false;
    if (ended) {
      this.state = WAIT;
    } else if (chunked) {
      this.decoder ??= new ChunkDecoder(this.opts.limits);
      this.decoder.reset();
      this.state = CHUNKED;
    } else {
      this.remaining = head.contentLength;
      this.state = tunnel ? PENDING : LENGTH;
    }
    x.started(this.service(head, ended, x));
  }

  /** Delivers body bytes within the window. `end` is where they stop being part of the body. */
  private body(buf: Buffer, p: number, end: number): number {
    const n = this.deliver(buf, p, end);
    if (this.state === LENGTH) {
      this.remaining -= n;
      if (this.remaining === 0) this.requestEnded(null);
    }
    return p + n;
  }

  private chunk(buf: Buffer, p: number, end: number): number {
    const decoder = this.decoder!;
    if (decoder.remaining === 0) {
      try {
        p = decoder.frame(buf, p, end);
      } catch (e) {
        if (!(e instanceof ProxyError)) throw e;
        this.refuse(e);
        return end;
      }
      if (decoder.done) this.requestEnded(decoder.trailers);
      return p;
    }
    const n = this.deliver(buf, p, Math.min(end, p + decoder.remaining));
    decoder.took(n);
    return p + n;
  }

  private deliver(buf: Buffer, p: number, end: number): number {
    const x = this.exchange!;
    if (this.discarding) {
      this.discardLeft -= end - p;
      if (this.discardLeft < 0) this.linger();
      return end - p;
    }
    const n = Math.min(end - p, x.window);
    if (n === 0) return 0;
    x.awaitsContinue = false;
    x.window -= n;
    x.request.data(buf, p, p + n);
    return n;
  }

  private requestEnded(trailers: Fields | null): void {
    const x = this.exchange!;
    x.requestDone = true;
    this.state = WAIT;
    if (!x.dead) x.request.end(trailers);
    if (this.exchange === x && x.responseDone) this.finish(x);
  }

  private atEof(): void {
    const x = this.exchange;
    // A stash that waits for credit, or for the client to read, is looked at again when it moves.
    const blocked = this.stash.length > 0;
    switch (this.state) {
      case HEAD:
        if (blocked && this.wire.congested) return;
        if (blocked) this.opts.count('incomplete-head');
        this.linger();
        return;
      case LENGTH:
      case CHUNKED:
        if (blocked) return;
        if (!this.discarding) this.opts.count('incomplete-body');
        this.wire.destroy();
        return;
      case TUNNEL:
        if (blocked || x!.requestDone) return;
        x!.requestDone = true;
        x!.request.end(null);
        if (x!.responseDone) this.linger();
        return;
      case LINGER:
        this.wire.close();
        return;
      default:
        // The client has sent all that it will: it gets its responses, then there is nothing to keep the connection for.
        if (!blocked) this.keepAlive = false;
    }
  }

  // From the exchange.

  keepsAlive(): boolean {
    return this.keepAlive && !this.draining;
  }

  closeAfter(): void {
    this.keepAlive = false;
  }

  credited(): void {
    this.since = this.opts.sweeper.now;
    if (!this.running && this.stash.length > 0) this.pump();
  }

  tunnelOpened(): void {
    this.state = TUNNEL;
    if (this.stash.length > 0 || this.eofSeen) queueMicrotask(this.pump);
  }

  tunnelRefused(): void {
    this.state = WAIT;
    // Bytes sent ahead were meant for the tunnel: they must not be read as a request.
    this.keepAlive = false;
  }

  responseEnded(): void {
    const x = this.exchange!;
    if (x.tunnel) {
      this.wire.finish();
      if (x.requestDone) this.linger();
    } else if (x.requestDone) {
      this.finish(x);
    } else if (x.awaitsContinue) {
      x.dead = true;
      x.request.reset(RESET.noError);
      this.linger();
    } else {
      this.since = this.opts.sweeper.now;
    }
  }

  discardRequest(): void {
    const x = this.exchange!;
    x.dead = true;
    this.discarding = true;
    this.discardLeft = DISCARD_LIMIT;
    if (!this.keepsAlive() || (this.state === LENGTH && this.remaining > DISCARD_LIMIT)) this.linger();
    else if (this.stash.length > 0) queueMicrotask(this.pump);
  }

  failed(why: ProxyError): void {
    const x = this.exchange!;
    this.opts.count(why.reason);
    x.dead = true;
    x.request.reset(RESET.internal);
    this.answerInstead(x, why);
  }

  aborted(): void {
    this.exchange!.dead = true;
    this.exchange = null;
    this.state = LINGER;
    abort(this.wire);
  }

  // The end of an exchange and of the connection.

  private finish(x: ServerExchange): void {
    x.dead = true;
    this.exchange = null;
    if (!this.keepsAlive()) {
      this.linger();
      return;
    }
    this.state = HEAD;
    this.since = this.opts.sweeper.now;
    if (this.stash.length > 0 && !this.running) queueMicrotask(this.pump);
  }

  /** Answers what could not be parsed, then closes. */
  private refuse(error: ProxyError): void {
    this.opts.count(error.reason);
    const x = this.exchange;
    if (x !== null && !x.dead) {
      x.dead = true;
      x.request.reset(RESET.protocol);
    }
    this.answerInstead(x, error);
  }

  private answerInstead(x: ServerExchange | null, error: ProxyError): void {
    if (x !== null && x.headSent) {
      this.exchange = null;
      this.state = LINGER;
      abort(this.wire);
      return;
    }
    const { head, body } = this.opts.refuse(error);
    if (writeResponseHead(this.wire, head, FRAMING.LENGTH, body.length, 'connection: close\r\n') && x?.wantsBody !== false) this.wire.write(body);
    this.linger();
  }

  /** Closes so that the client can still read the answer: FIN, then its bytes are dropped for a while (RFC 9112 9.6). */
  private linger(): void {
    this.exchange = null;
    this.state = LINGER;
    this.since = this.opts.sweeper.now;
    this.backlog = this.wire.socket.writableLength;
    if (!this.running) this.stash.clear();
    if (this.eofSeen) this.wire.close();
    else this.wire.finish();
    if (!this.running) this.adjust();
  }

  sweep(now: number): void {
    const waited = now - this.since;
    const { idleTimeoutMs, headTimeoutMs, count } = this.opts;
    switch (this.state) {
      case HEAD:
        if (this.stash.length > 0) {
          if (this.wire.congested || now - this.headSince < headTimeoutMs) return;
          count('head-timeout');
          this.state = LINGER;
          this.wire.close();
        } else if (waited >= (this.served === 0 ? headTimeoutMs : idleTimeoutMs) || (this.draining && waited >= DRAIN_IDLE_MS)) {
          this.linger();
        }
        return;
      case LENGTH:
      case CHUNKED:
        if (this.exchange!.responseDone && waited >= (this.stash.length > 0 ? STALL_MS : idleTimeoutMs)) this.linger();
        return;
      case LINGER: {
        const left = this.wire.socket.writableLength;
        if (left !== this.backlog) {
          this.backlog = left;
          this.since = now;
        } else if (waited >= (left > 0 ? idleTimeoutMs : LINGER_MS)) {
          this.wire.destroy();
        }
      }
    }
  }
}

const badRequest = (text: string, reason: string): ProxyError => new ProxyError('BAD_REQUEST', text, reason);

function withoutExpect(fields: Fields): Fields {
  const kept: Fields = [];
  for (let i = 0; i < fields.length; i += 2) if (fields[i] !== 'expect') kept.push(fields[i]!, fields[i + 1]!);
  return kept;
}
