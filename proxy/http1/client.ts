import type { Reader, Wire } from '../io/wire.ts';
import type { ClientConnection, Fields, RequestHead, RequestStream, ResponseStream, Service } from '../message/contract.ts';
import { RESET, type Reset } from '../message/reset.ts';
import { ClientExchange, type ClientOwner } from './client-exchange.ts';
import { FRAMING, writeRequestHead, type Framing } from './encode.ts';
import type { ClientOptions } from './options.ts';
import { Stall } from './stall.ts';
import type { Swept } from './sweeper.ts';
import { ResponseReader, type ResponseOwner } from './response-reader.ts';

/** Methods whose request may be sent again when it cannot be known whether the first was acted on (RFC 9110 9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']);

/** One HTTP/1.1 connection to an endpoint, one exchange at a time. Its socket must allow half-open connections. */
export class Http1Client implements ClientConnection, ClientOwner, ResponseOwner, Swept {
  readonly wire: Wire;
  onChange: (() => void) | null = null;
  closed = false;
  /** what the server said about idle time in Keep-Alive: timeout=n, seconds; -1 when it said nothing */
  keepAliveTimeout = -1;
  /** the pool's note, see Idle */
  idleUntil = 0;
  private readonly reader: ResponseReader;
  private exchange: ClientExchange | null = null;
  private draining = false;
  private used = false;
  private eofSeen = false;
  private writtenBefore = 0;
  private readonly opts: ClientOptions;
  /** set while the server does not take what is sent to it */
  private stall: Stall | null = null;

  /** `wire` is connected and nothing has read from it. */
  constructor(wire: Wire, opts: ClientOptions) {
    this.wire = wire;
    this.opts = opts;
    this.reader = new ResponseReader(this, opts);
    wire.start(new ClientReader(this, this.reader));
  }

  get capacity(): number {
    return this.exchange === null && !this.closed && !this.draining && !this.eofSeen ? 1 : 0;
  }

  get active(): number {
    return this.exchange === null ? 0 : 1;
  }

  readonly call: Service = (head: RequestHead, ended: boolean, client: ResponseStream): RequestStream => {
    if (this.capacity === 0) {
      client.reset(RESET.refused);
      return NOWHERE;
    }
    const framing = framingOf(head, ended);
    this.writtenBefore = this.wire.writtenBytes;
    if (!writeRequestHead(this.wire, head, framing)) {
      client.reset(RESET.protocol);
      return NOWHERE;
    }
    const x = new ClientExchange(this, client, head.method, head.upgrade, framing, head.contentLength);
    this.exchange = x;
    this.reader.expect(x);
    return x;
  };

  drain(): void {
    if (this.draining) return;
    this.draining = true;
    if (this.exchange === null) this.close();
  }

  destroy(): void {
    this.wire.destroy();
  }

  // From the exchange.

  credited(): void {
    this.reader.credited();
  }

  requestEnded(x: ClientExchange): void {
    if (!x.tunnel) return;
    this.wire.finish();
    if (this.reader.ended) this.tunnelClosed(x);
  }

  abandoned(x: ClientExchange, tell: boolean): void {
    this.fail(x, tell ? RESET.internal : null);
  }

  // From the response reader.

  /** The response is complete; `reusable` says that nothing on the wire speaks against another exchange. */
  responseEnded(x: ClientExchange, reusable: boolean, trailers: Fields | null): void {
    x.dead = true;
    this.used = true;
    const early = !x.sent;
    this.exchange = null;
    if (!reusable || early || this.draining || this.eofSeen) this.close();
    x.client.end(trailers);
    // The rest of the request goes nowhere: whoever sends it may stop.
    if (early) x.client.reset(RESET.noError);
    if (this.capacity > 0) this.onChange?.();
  }

  tunnelEnded(x: ClientExchange): void {
    x.client.end(null);
    if (x.requestDone) this.tunnelClosed(x);
  }

  broken(): void {
    const x = this.exchange;
    if (x === null) this.destroyNow();
    else this.fail(x, RESET.protocol);
  }

  // From the wire.

  drained(): void {
    this.calm();
    this.exchange?.settle();
  }

  congested(): void {
    if (this.stall !== null) return;
    this.stall = new Stall(this.wire, this.opts.progressTimeoutMs);
    this.opts.sweeper.add(this);
  }

  sweep(now: number): void {
    if (this.exchange === null || this.exchange.tunnel || !this.stall!.notTaking(now)) return;
    this.calm();
    this.opts.count('peer-not-reading');
    this.wire.destroy();
  }

  private calm(): void {
    if (this.stall === null) return;
    this.stall = null;
    this.opts.sweeper.delete(this);
  }

  eof(): void {
    this.eofSeen = true;
    if (this.exchange === null) this.close();
    else this.reader.eof();
  }

  /** The response was cut off by the end of the connection. */
  truncated(): void {
    if (this.exchange !== null) this.fail(this.exchange, this.lostReason(this.exchange));
  }

  wireClosed(): void {
    this.calm();
    const x = this.exchange;
    if (x !== null) this.fail(x, this.lostReason(x));
    else this.setClosed();
  }

  /**
   * A request is safe to send again when none of it reached the kernel, or when a server closed a kept-alive connection without a byte of an
   * answer and the method is idempotent: that server was most likely closing for idleness while the request was on its way.
   */
  private lostReason(x: ClientExchange): Reset {
    if (this.reader.answered) return RESET.io;
    if (this.wire.writtenBytes === this.writtenBefore) return RESET.refused;
    return this.used && IDEMPOTENT.has(x.method) ? RESET.refused : RESET.io;
  }

  private tunnelClosed(x: ClientExchange): void {
    x.dead = true;
    this.exchange = null;
    this.reader.abandon();
    this.close();
  }

  private fail(x: ClientExchange, reason: Reset | null): void {
    x.dead = true;
    this.exchange = null;
    this.reader.abandon();
    this.destroyNow();
    if (reason !== null) x.client.reset(reason);
  }

  private close(): void {
    this.wire.close();
    this.setClosed();
  }

  private destroyNow(): void {
    this.wire.destroy();
    this.setClosed();
  }

  private setClosed(): void {
    if (this.closed) return;
    this.closed = true;
    this.onChange?.();
  }
}

/** The wire's view of a client connection; apart from it because both have something named `closed`. */
class ClientReader implements Reader {
  private readonly connection: Http1Client;
  private readonly responses: ResponseReader;

  constructor(connection: Http1Client, responses: ResponseReader) {
    this.connection = connection;
    this.responses = responses;
  }

  read(buf: Buffer, start: number, end: number): void {
    this.responses.read(buf, start, end);
  }

  eof(): void {
    this.connection.eof();
  }

  drained(): void {
    this.connection.drained();
  }

  shed(): void {
    this.responses.shed();
  }

  closed(): void {
    this.connection.wireClosed();
  }
}

function framingOf(head: RequestHead, ended: boolean): Framing {
  if (head.upgrade !== '' || head.method === 'CONNECT') return FRAMING.TUNNEL;
  if (ended) return FRAMING.NONE;
  return head.contentLength >= 0 ? FRAMING.LENGTH : FRAMING.CHUNKED;
}

const NOWHERE: RequestStream = {
  data: () => {},
  end: () => {},
  reset: () => {},
  credit: () => {},
};
