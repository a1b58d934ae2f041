import type { RequestHead, RequestStream, ResponseHead, ResponseStream } from '../message/contract.ts';
import { withAccept } from '../message/websocket.ts';
import { RESET, type Reset } from '../message/reset.ts';
import type { Connection } from './connection.ts';
import { CODE } from './frames.ts';
import { Stream } from './stream.ts';

/** A request as the client side sees it: what its content is sent to. */
export class ClientStream extends Stream implements RequestStream {
  readonly client: ResponseStream;
  /** the final head has come */
  answered = false;
  /** a CONNECT request that was not accepted: the request counts as ended */
  refusedTunnel = false;
  private readonly method: string;
  /** a request for Upgrade that is sent as an extended CONNECT */
  private readonly extended: RequestHead | null;
  /** octets of the connection before the request's first */
  private readonly startsAt: number;

  constructor(conn: Connection, id: number, client: ResponseStream, method: string, extended: RequestHead | null) {
    super(conn, id);
    this.peer = this.client = client;
    this.method = method;
    this.extended = extended;
    this.startsAt = conn.wire.writtenBytes + conn.wire.pos;
  }

  /** Whether some of the request is among the first `written` octets of the connection. */
  leftFor(written: number): boolean {
    return written > this.startsAt;
  }

  /** Notes what the head says about the content to come (RFC 9110 6.4.1). */
  answer(head: ResponseHead): void {
    const { status } = head;
    this.answered = true;
    if (this.method === 'CONNECT') {
      this.refusedTunnel = status >= 300;
      if (!this.refusedTunnel) {
        head.contentLength = -1;
        if (this.extended === null) return;
        head.status = 101;
        head.upgrade = this.extended.upgrade;
        head.fields = withAccept(this.extended.fields, head.fields);
        return;
      }
    }
    this.left = this.method === 'HEAD' || status === 204 || status === 304 ? 0 : head.contentLength;
  }

  /** How long a server may think is for the layers to say. */
  get owesBody(): boolean {
    return false;
  }

  sent(): void {
    this.localEnded = true;
    if (this.remoteEnded) this.conn.forget(this);
  }

  reset(reason: Reset): void {
    if (this.closed) return;
    // Neither is a client's to say: the request was refused by nobody, and no response of ours is complete.
    this.conn.sendReset(this.id, reason === RESET.noError || reason === RESET.refused ? CODE.cancel : reason.h2);
    this.conn.forget(this);
  }
}
