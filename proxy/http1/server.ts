import { ProxyError } from '../errors.ts';
import type { Reader, Wire } from '../io/wire.ts';
import type { Fields, RequestHead, ServerConnection, Service } from '../message/contract.ts';
import type { HttpDate } from '../message/date.ts';
import { RESET } from '../message/reset.ts';
import { abort } from '../io/abort.ts';
import { FRAMING, writeResponseHead } from './encode.ts';
import { Stall } from './stall.ts';
import { DRAIN_IDLE_MS, LINGER_MS, STALL_MS } from './limits.ts';
import type { ServerOptions } from './options.ts';
import { EXPECT, RequestReader, type RequestOwner } from './request-reader.ts';
import { ServerExchange, type ExchangeOwner } from './server-exchange.ts';
import type { Swept } from './sweeper.ts';

/**
 * Serves HTTP/1 (RFC 9112) on `wire`, whose socket must allow half-open connections; `first` are bytes that detection has read already.
 */
export function serveHttp1(wire: Wire, service: Service, opts: ServerOptions, first: Buffer | null): ServerConnection {
  const connection = new Http1Server(wire, service, opts);
  wire.start(connection, first);
  return connection;
}

/** One connection from a client: the life of its exchanges, one after the other, and its end. */
class Http1Server implements ServerConnection, Reader, RequestOwner, ExchangeOwner, Swept {
  readonly wire: Wire;
  onClose: (() => void) | null = null;
  exchange: ServerExchange | null = null;
  private readonly service: Service;
  private readonly opts: ServerOptions;
  private readonly reader: RequestReader;
  /** the connection goes on after the present exchange, as far as this side and the client have said */
  private keepAlive = true;
  private draining = false;
  private served = false;
  /** sweeper time at which the present wait began */
  private since: number;
  private backlog = 0;
  private stall: Stall | null = null;

  constructor(wire: Wire, service: Service, opts: ServerOptions) {
    this.wire = wire;
    this.service = service;
    this.opts = opts;
    this.reader = new RequestReader(this, opts);
    this.since = opts.sweeper.now;
    opts.sweeper.add(this);
  }

  get active(): number {
    return this.exchange === null ? 0 : 1;
  }

  drain(): void {
    if (this.draining) return;
    this.draining = true;
    // A request may be on its way on an idle connection: it gets a moment.
    if (this.reader.expects === EXPECT.HEAD) this.since = this.opts.sweeper.now;
  }

  destroy(): void {
    this.wire.destroy();
  }

  // What the wire calls.

  read(buf: Buffer, start: number, end: number): void {
    this.reader.read(buf, start, end);
  }

  eof(): void {
    this.reader.eof();
  }

  drained(): void {
    this.exchange?.settle();
    if (this.reader.expects === EXPECT.HEAD && this.reader.held > 0) this.reader.pumpLater();
  }

  shed(): void {
    this.opts.count('memory-cap');
    this.wire.destroy();
  }

  closed(): void {
    this.opts.sweeper.delete(this);
    this.reader.drop();
    const x = this.exchange;
    this.exchange = null;
    if (x !== null && !x.dead) {
      x.dead = true;
      x.request.reset(RESET.cancel);
    }
    this.onClose?.();
  }

  // What the reader calls.

  request(head: RequestHead, ended: boolean, keepAlive: boolean, expect: boolean): void {
    this.keepAlive = keepAlive;
    this.served = true;
    const x = new ServerExchange(this, head, ended);
    x.awaitsContinue = expect;
    this.exchange = x;
    x.started(this.service(head, ended, x));
  }

  requestEnded(trailers: Fields | null): void {
    const x = this.exchange!;
    x.requestDone = true;
    if (!x.dead) x.request.end(trailers);
    if (this.exchange === x && x.responseDone) this.finish(x);
  }

  refuse(error: ProxyError): void {
    this.opts.count(error.reason);
    const x = this.exchange;
    if (x !== null && !x.dead) {
      x.dead = true;
      x.request.reset(RESET.protocol);
    }
    this.answerInstead(x, error);
  }

  discardedTooMuch(): void {
    this.linger();
  }

  ended(): void {
    const x = this.exchange;
    // Bytes that wait for credit, or for the client to read its responses, are looked at again when that moves.
    const waiting = this.reader.held > 0;
    switch (this.reader.expects) {
      case EXPECT.HEAD:
        if (waiting && this.wire.congested) return;
        if (waiting) this.opts.count('incomplete-head');
        this.linger();
        return;
      case EXPECT.LENGTH:
      case EXPECT.CHUNKED:
        if (waiting) return;
        if (!this.reader.discarding) this.opts.count('incomplete-body');
        this.wire.destroy();
        return;
      case EXPECT.TUNNEL:
        if (waiting || x!.requestDone) return;
        x!.requestDone = true;
        x!.request.end(null);
        if (x!.responseDone) this.linger();
        return;
      case EXPECT.DROP:
        this.wire.close();
        return;
      default:
        // The client has sent all that it will: it gets its response, then there is nothing to keep the connection for.
        if (!waiting) this.keepAlive = false;
    }
  }

  // What the exchange calls.

  get date(): HttpDate | null {
    return this.opts.date;
  }

  keepsAlive(): boolean {
    return this.keepAlive && !this.draining;
  }

  closeAfter(): void {
    this.keepAlive = false;
  }

  credited(): void {
    this.since = this.opts.sweeper.now;
    this.reader.goOn();
  }

  tunnelOpened(): void {
    this.reader.tunnel();
  }

  tunnelRefused(): void {
    this.reader.expects = EXPECT.WAIT;
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
      // The service may still want the rest of the request; if it does not, sweep() ends the wait.
      this.since = this.opts.sweeper.now;
    }
  }

  discardRequest(): void {
    this.exchange!.dead = true;
    if (!this.keepsAlive() || !this.reader.discard()) this.linger();
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
    this.cut();
  }

  // The end of an exchange and of the connection.

  private finish(x: ServerExchange): void {
    x.dead = true;
    this.exchange = null;
    if (!this.keepsAlive()) {
      this.linger();
      return;
    }
    this.since = this.opts.sweeper.now;
    this.reader.next();
  }

  /** Answers in place of a response that will not come, then closes. */
  private answerInstead(x: ServerExchange | null, error: ProxyError): void {
    if (x !== null && x.headSent) {
      this.cut();
      return;
    }
    const { date, refuse } = this.opts;
    const { head, body } = refuse(error);
    if (writeResponseHead(this.wire, head, FRAMING.LENGTH, body.length, 'connection: close\r\n', date) && x?.wantsBody !== false) this.wire.write(body);
    this.linger();
  }

  /** Closes so that nothing cut off looks complete. */
  private cut(): void {
    this.exchange = null;
    this.reader.drop();
    abort(this.wire.socket);
  }

  /** Closes so that the client can still read what was sent: FIN, then its bytes are dropped for a while (RFC 9112 9.6). */
  private linger(): void {
    this.exchange = null;
    this.since = this.opts.sweeper.now;
    this.backlog = this.wire.unsent;
    if (this.reader.eofSeen) this.wire.close();
    else this.wire.finish();
    this.reader.drop();
  }

  sweep(now: number): void {
    if (this.stalled(now)) return;
    const waited = now - this.since;
    const { idleTimeoutMs, headTimeoutMs, count } = this.opts;
    const { reader } = this;
    switch (reader.expects) {
      case EXPECT.HEAD:
        if (reader.held > 0) {
          if (this.wire.congested || now - reader.headSince < headTimeoutMs) return;
          count('head-timeout');
          this.answerInstead(null, new ProxyError('CLIENT_TIMEOUT'));
        } else if (waited >= (this.served ? idleTimeoutMs : headTimeoutMs) || (this.draining && waited >= DRAIN_IDLE_MS)) {
          this.linger();
        }
        return;
      case EXPECT.LENGTH:
      case EXPECT.CHUNKED:
        if (this.exchange!.responseDone && waited >= (reader.held > 0 ? STALL_MS : idleTimeoutMs)) this.linger();
        return;
      case EXPECT.DROP: {
        const left = this.wire.unsent;
        if (left !== this.backlog) {
          this.backlog = left;
          this.since = now;
        } else if (waited >= (left > 0 ? idleTimeoutMs : LINGER_MS)) {
          this.wire.destroy();
        }
      }
    }
  }

  /** Ends the connection of a client that leaves a body unsent, or a response unread. */
  private stalled(now: number): boolean {
    const x = this.exchange;
    if (x === null || x.tunnel) {
      this.stall = null;
      return false;
    }
    const { expects, held } = this.reader;
    // Once it is being answered, a client may take its time over the rest: that is how both sides stream at once.
    const owes = (expects === EXPECT.LENGTH || expects === EXPECT.CHUNKED) && held === 0 && !x.headSent;
    const stall = (this.stall ??= new Stall(this.wire, this.opts.progressTimeoutMs));
    const reason = stall.notSending(now, owes) ? 'body-timeout' : stall.notTaking(now) ? 'peer-not-reading' : '';
    if (reason === '') return false;
    this.opts.count(reason);
    x.dead = true;
    x.request.reset(RESET.cancel);
    if (reason === 'body-timeout') this.answerInstead(x, new ProxyError('CLIENT_TIMEOUT'));
    else this.cut();
    return true;
  }
}
