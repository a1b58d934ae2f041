import { type Fields, field, type ResponseHead, type ResponseStream } from '../message/contract.ts';
import { RESET, type Reset } from '../message/reset.ts';
import type { Connection } from './connection.ts';
import { CODE } from './frames.ts';
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

  constructor(conn: Connection, id: number, connect: boolean, fields: Fields) {
    super(conn, id);
    this.connect = connect;
    this.fields = fields;
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
    this.tunnel = this.connect && head.status >= 200 && head.status < 300;
    this.conn.headers.response(this.id, head);
    this.conn.checkBacklog();
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
