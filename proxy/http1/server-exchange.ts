import { ProxyError } from '../errors.ts';
import { WINDOW, type Fields, type RequestHead, type RequestStream, type ResponseHead, type ResponseStream } from '../message/contract.ts';
import type { HttpDate } from '../message/date.ts';
import { RESET, type Reset } from '../message/reset.ts';
import type { Wire } from '../io/wire.ts';
import { FRAMING, writeBody, writeLastChunk, writeResponseHead, type Framing } from './encode.ts';

/** What an exchange needs of the connection that it runs on. */
export interface ExchangeOwner {
  readonly wire: Wire;
  /** for responses without one */
  readonly date: HttpDate | null;
  /** whether the connection may carry another request after this one, as far as is known now */
  keepsAlive(): boolean;
  /** the response says that the connection closes after it */
  closeAfter(): void;
  /** more request body may be delivered */
  credited(): void;
  /** the tunnel that the request asked for is open */
  tunnelOpened(): void;
  /** the tunnel that the request asked for was refused with an ordinary answer */
  tunnelRefused(): void;
  responseEnded(): void;
  /** the rest of the request body is not wanted */
  discardRequest(): void;
  /** the service broke the contract or sent what cannot be sent; it is told. A 502 is sent when nothing else was yet */
  failed(why: ProxyError): void;
  /** the service gave up */
  aborted(): void;
}

/** One request on a server connection: the ResponseStream that its service answers on. */
export class ServerExchange implements ResponseStream {
  request: RequestStream = NOWHERE;
  /** the request is complete: nothing more will be delivered */
  requestDone: boolean;
  /** no more calls on `request`, and those on this object do nothing */
  dead = false;
  /** Expect: 100-continue, and neither a 100 nor a body byte has passed */
  awaitsContinue = false;
  headSent = false;
  responseDone = false;
  /** request bytes that the service may still be given */
  window = WINDOW;
  tunnel = false;
  private readonly owner: ExchangeOwner;
  private readonly method: string;
  private readonly upgrade: string;
  private readonly version: 0 | 1 | 2;
  private framing: Framing = FRAMING.NONE;
  private remaining = 0;
  private owed = 0;
  private inService = true;

  constructor(owner: ExchangeOwner, head: RequestHead, requestDone: boolean) {
    this.owner = owner;
    this.method = head.method;
    this.upgrade = head.upgrade;
    this.version = head.version;
    this.requestDone = requestDone;
  }

  get asksTunnel(): boolean {
    return this.upgrade !== '' || this.method === 'CONNECT';
  }

  /** The service has returned its stream. */
  started(request: RequestStream): void {
    this.request = request;
    this.inService = false;
    if (this.dead) {
      request.reset(RESET.cancel);
      return;
    }
    if (this.owed > 0 && !this.owner.wire.congested) this.settle();
  }

  /** an answer may have a body (RFC 9110 9.3.2) */
  get wantsBody(): boolean {
    return this.method !== 'HEAD';
  }

  informational(head: ResponseHead): void {
    if (this.dead || this.headSent) return;
    if (head.status < 100 || head.status > 199 || head.status === 101) {
      this.owner.failed(badHead());
      return;
    }
    // RFC 9110 15.2: an HTTP/1.0 client does not know 1xx.
    if (this.version === 0) return;
    if (head.status === 100) this.awaitsContinue = false;
    if (!writeResponseHead(this.owner.wire, head, FRAMING.NONE, -1, '', null)) this.owner.failed(badHead());
  }

  head(head: ResponseHead): void {
    if (this.dead || this.headSent) return;
    const status = head.status;
    const switching = status === 101 && this.upgrade !== '';
    if (status < 200 && !switching) {
      this.owner.failed(badHead());
      return;
    }
    if (switching || (this.method === 'CONNECT' && status < 300)) {
      this.openTunnel(head, switching);
      return;
    }
    if (this.asksTunnel) {
      this.requestDone = true;
      this.owner.tunnelRefused();
    }
    const bodyless = this.method === 'HEAD' || status === 204 || status === 304;
    const length = status === 204 ? -1 : head.contentLength;
    if (bodyless) this.framing = FRAMING.NONE;
    else if (head.contentLength >= 0) this.framing = FRAMING.LENGTH;
    else this.framing = this.version === 1 ? FRAMING.CHUNKED : FRAMING.CLOSE;
    this.remaining = this.framing === FRAMING.LENGTH ? head.contentLength : 0;
    // A client that waits for 100 may never send the body that its head announced; nobody could then tell what its next bytes are (RFC 9110 10.1.1).
    if (this.framing === FRAMING.CLOSE || this.awaitsContinue) this.owner.closeAfter();
    if (!writeResponseHead(this.owner.wire, head, this.framing, length, this.connectionLine(head), this.owner.date)) {
      this.owner.failed(badHead());
      return;
    }
    this.headSent = true;
  }

  private connectionLine({ upgrade }: ResponseHead): string {
    const goesOn = this.owner.keepsAlive();
    // A 426 that does not say to what would be none (RFC 9110 15.5.22).
    if (upgrade !== '') return `connection: upgrade${goesOn ? '' : ', close'}\r\nupgrade: ${upgrade}\r\n`;
    if (!goesOn) return 'connection: close\r\n';
    return this.version === 0 ? 'connection: keep-alive\r\n' : '';
  }

  private openTunnel(head: ResponseHead, switching: boolean): void {
    this.framing = FRAMING.TUNNEL;
    this.tunnel = true;
    const line = switching ? `connection: upgrade\r\nupgrade: ${head.upgrade || this.upgrade}\r\n` : '';
    if (!writeResponseHead(this.owner.wire, head, FRAMING.TUNNEL, -1, line, this.owner.date)) {
      this.owner.failed(badHead());
      return;
    }
    this.headSent = true;
    this.owner.tunnelOpened();
  }

  data(buf: Buffer, start: number, end: number): void {
    if (this.dead || this.responseDone || !this.headSent) return;
    const wire = this.owner.wire;
    const n = end - start;
    if (this.framing === FRAMING.LENGTH) {
      if (n > this.remaining) {
        this.owner.failed(badLength());
        return;
      }
      this.remaining -= n;
    }
    if (this.framing !== FRAMING.NONE) writeBody(wire, buf, start, end, this.framing);
    this.owed += n;
    if (!wire.congested && !this.inService) this.settle();
  }

  end(trailers: Fields | null): void {
    if (this.dead || this.responseDone) return;
    if (!this.headSent || this.remaining > 0) {
      this.owner.failed(this.headSent ? badLength() : badHead());
      return;
    }
    this.responseDone = true;
    if (this.framing === FRAMING.CHUNKED) writeLastChunk(this.owner.wire, trailers);
    this.owner.responseEnded();
  }

  reset(reason: Reset): void {
    if (this.dead) return;
    if (this.responseDone && reason === RESET.noError) {
      this.owner.discardRequest();
      return;
    }
    this.owner.aborted();
  }

  credit(n: number): void {
    if (this.dead || this.requestDone) return;
    this.window += n;
    this.owner.credited();
  }

  /** Gives back credit for response bytes that the wire has taken. */
  settle(): void {
    const n = this.owed;
    if (n === 0 || this.inService) return;
    this.owed = 0;
    if (!this.dead && !this.responseDone) this.request.credit(n);
  }
}

const badHead = (): ProxyError => new ProxyError('BAD_GATEWAY', 'the response head is not valid', 'bad-response-head');
const badLength = (): ProxyError => new ProxyError('BAD_GATEWAY', 'the response is not as long as it says', 'bad-response-length');

/** Stands in until the service has returned, and for exchanges that are over. */
const NOWHERE: RequestStream = {
  data: () => {},
  end: () => {},
  reset: () => {},
  credit: () => {},
};
