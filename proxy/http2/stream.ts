/** One stream of a connection, the half that server and client share: content, flow control and ends in both directions. */
import { type BodyStream, type Fields, type RequestStream, WINDOW } from '../message/contract.ts';
import type { Reset } from '../message/reset.ts';
import type { Connection } from './connection.ts';
import { writeWindowUpdate } from './frames.ts';
import type { SendQueue } from './send-queue.ts';

/** Consumed octets after which the peer is told: few frames, and never less than half a window to send into. */
const UPDATE_AT = WINDOW / 2;

export abstract class Stream implements BodyStream {
  readonly id: number;
  /** where received content goes and sent content came from; null while the service that will name it runs */
  peer: RequestStream | null = null;
  sendWindow: number;
  /** octets that the other end may still send */
  recvWindow = WINDOW;
  /** consumed octets of which the other end has not been told */
  consumed = 0;
  /** octets of DATA frames received so far, and when a StallWatch looked last, -1 before */
  received = 0;
  seen = -1;
  /** content octets still to come by content-length, -1 when not known */
  left = -1;
  /** END_STREAM was received; was sent */
  remoteEnded = false;
  localEnded = false;
  /** not among the connection's streams any more */
  closed = false;
  /** end() was called; it takes effect when the queue is empty */
  ending = false;
  trailers: Fields | null = null;
  queue: SendQueue | null = null;
  /** what was received and cannot be handed on yet, for a tunnel that is not open; null nearly always */
  early: SendQueue | null = null;
  /** in the outbox's turn list */
  waiting = false;
  /** octets in the wire for which no credit was given yet */
  owed = 0;
  protected readonly conn: Connection;

  constructor(conn: Connection, id: number) {
    this.conn = conn;
    this.id = id;
    this.sendWindow = conn.peerSettings.initialWindow;
  }

  data(buf: Buffer, start: number, end: number): void {
    if (!this.closed && !this.ending && !this.localEnded) this.conn.outbox.data(this, buf, start, end);
  }

  end(trailers: Fields | null): void {
    if (this.closed || this.ending || this.localEnded) return;
    this.ending = true;
    this.trailers = trailers;
    this.conn.outbox.end(this);
  }

  credit(n: number): void {
    if (this.closed || this.remoteEnded) return;
    this.consumed += n;
    if (this.consumed < UPDATE_AT) return;
    writeWindowUpdate(this.conn.wire, this.id, this.consumed);
    this.recvWindow += this.consumed;
    this.consumed = 0;
  }

  abstract reset(reason: Reset): void;

  /** the peer has more to send, may send it, and its being slow holds up a message rather than a conversation */
  abstract get owesBody(): boolean;

  /** END_STREAM has been written. */
  abstract sent(): void;
}
