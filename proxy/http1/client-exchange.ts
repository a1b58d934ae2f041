import type { Wire } from '../io/wire.ts';
import type { Fields, RequestStream, ResponseStream } from '../message/contract.ts';
import { WINDOW } from '../message/contract.ts';
import type { Reset } from '../message/reset.ts';
import { FRAMING, writeBody, writeLastChunk, type Framing } from './encode.ts';

/** What an exchange needs of the connection that it runs on. */
export interface ClientOwner {
  readonly wire: Wire;
  /** more of the response may be delivered */
  credited(): void;
  /** the server does not take what is sent to it; until the wire has drained */
  congested(): void;
  /** the request is on its way in full, or the tunnel's sending half is closed */
  requestEnded(x: ClientExchange): void;
  /** whoever sends the request gave up, or broke the contract */
  abandoned(x: ClientExchange, tell: boolean): void;
}

/** One exchange on a client connection: the RequestStream that its request body goes to. */
export class ClientExchange implements RequestStream {
  readonly client: ResponseStream;
  readonly method: string;
  readonly upgrade: string;
  /** nothing more happens on this exchange */
  dead = false;
  requestDone: boolean;
  tunnel = false;
  /** response bytes that may still be delivered */
  window = WINDOW;
  private readonly owner: ClientOwner;
  private framing: Framing;
  private remaining: number;
  private owed = 0;

  constructor(owner: ClientOwner, client: ResponseStream, method: string, upgrade: string, framing: Framing, length: number) {
    this.owner = owner;
    this.client = client;
    this.method = method;
    this.upgrade = upgrade;
    this.framing = framing;
    this.remaining = framing === FRAMING.LENGTH ? length : 0;
    this.requestDone = framing === FRAMING.NONE;
  }

  get asksTunnel(): boolean {
    return this.upgrade !== '' || this.method === 'CONNECT';
  }

  /** The request counts as sent in full: an announced length has been reached, though end() may be still to come. */
  get sent(): boolean {
    return this.requestDone || (this.framing === FRAMING.LENGTH && this.remaining === 0);
  }

  data(buf: Buffer, start: number, end: number): void {
    if (this.dead || this.requestDone) return;
    const n = end - start;
    if (this.framing === FRAMING.LENGTH) {
      if (n > this.remaining) {
        this.owner.abandoned(this, true);
        return;
      }
      this.remaining -= n;
    }
    const wire = this.owner.wire;
    // A tunnel that is not open yet has nowhere to send bytes to; nobody who keeps the contract sends any.
    if (this.framing === FRAMING.TUNNEL && !this.tunnel) {
      this.owner.abandoned(this, true);
      return;
    }
    writeBody(wire, buf, start, end, this.framing);
    if (!wire.congested) {
      this.client.credit(n);
      return;
    }
    this.owed += n;
    this.owner.congested();
  }

  end(trailers: Fields | null): void {
    if (this.dead || this.requestDone) return;
    if (this.remaining > 0) {
      this.owner.abandoned(this, true);
      return;
    }
    this.requestDone = true;
    if (this.framing === FRAMING.CHUNKED) writeLastChunk(this.owner.wire, trailers);
    this.owner.requestEnded(this);
  }

  reset(_reason: Reset): void {
    if (!this.dead) this.owner.abandoned(this, false);
  }

  credit(n: number): void {
    if (this.dead) return;
    this.window += n;
    this.owner.credited();
  }

  /** Gives back credit for request bytes that the wire has taken. */
  settle(): void {
    const n = this.owed;
    if (n === 0) return;
    this.owed = 0;
    if (!this.dead) this.client.credit(n);
  }
}
