import { type Fields, field, ResponseHead, type ResponseStream } from '../message/contract.ts';
import { withoutProof } from '../message/websocket.ts';
import { RESET, type Reset } from '../message/reset.ts';
import type { Connection } from './connection.ts';
import { CODE } from './frames.ts';
import { SendQueue } from './send-queue.ts';
import { Stream } from './stream.ts';

/** A request as the server side sees it: what the service answers on. */
export class ServerStream extends Stream implements ResponseStream {
  /** reset() was called: its caller needs no telling */
  wasResetHere = false;
  private readonly connect: boolean;
  /** a CONNECT request that was accepted: both directions live their own lives */
  private tunnel = false;
  private answered = false;
  private readonly fields: Fields;
  /** protocol of an extended CONNECT (RFC 8441), or '' */
  private readonly protocol: string;

  constructor(conn: Connection, id: number, connect: boolean, protocol: string, fields: Fields) {
    super(conn, id);
    this.connect = connect;
    this.protocol = protocol;
    this.fields = fields;
    // What comes before the answer belongs to a tunnel that is not there yet.
    if (connect) this.early = new SendQueue();
  }

  /**
   * A request that is being answered is a conversation, and so is every gRPC call, which has deadlines of its own. Nor does the client owe
   * anything while it has no window.
   */
  get owesBody(): boolean {
    if (this.remoteEnded || this.answered || this.connect || this.recvWindow <= 0) return false;
    return field(this.fields, 'content-type')?.startsWith('application/grpc') !== true;
  }

  informational(head: ResponseHead): void {
    if (!this.closed && !this.answered) this.conn.headers.response(this.id, head);
  }

  head(head: ResponseHead): void {
    if (this.closed || this.answered) return;
    this.answered = true;
    if (this.connect) this.tunnelHead(head);
    else this.conn.headers.response(this.id, head);
    this.conn.checkBacklog();
  }

  private tunnelHead(head: ResponseHead): void {
    const { status } = head;
    const succeeds = status >= 200 && status < 300;
    const switched = this.protocol !== '' && status === 101;
    if (succeeds && this.protocol !== '') {
      // An ordinary response to an offer of HTTP/1, which did not take it; here a 2xx would say that it did (RFC 8441 4).
      this.conn.resetStream(this, CODE.connect, RESET.protocol, 'upgrade-not-taken');
      return;
    }
    this.tunnel = switched || succeeds;
    this.conn.headers.response(this.id, switched ? new ResponseHead(200, withoutProof(head.fields)) : head);
    queueMicrotask(() => this.answerEarly());
  }

  /** What came before the answer goes into the tunnel, or nowhere. */
  private answerEarly(): void {
    const early = this.early;
    if (early === null || this.closed) return;
    this.early = null;
    this.conn.wire.hold(-early.capacity);
    if (!this.tunnel) return;
    const bytes = Buffer.allocUnsafe(early.length);
    early.take(bytes, 0, bytes.length);
    if (bytes.length > 0) this.peer!.data(bytes, 0, bytes.length);
    if (this.remoteEnded) this.peer!.end(null);
  }

  sent(): void {
    this.localEnded = true;
    if (this.remoteEnded) {
      this.conn.meter.finished();
      this.conn.forget(this);
    } else if (!this.tunnel) {
      // The response is complete, so the rest of the request is not wanted (RFC 9113 8.1).
      this.conn.sendReset(this.id, CODE.noError);
      this.conn.forget(this);
      this.peer?.reset(RESET.noError);
    }
  }

  reset(reason: Reset): void {
    if (this.closed) return;
    this.wasResetHere = true;
    // NO_ERROR would tell the client that the response is complete.
    this.conn.sendReset(this.id, reason === RESET.noError ? CODE.internal : reason.h2);
    this.conn.forget(this);
  }
}
