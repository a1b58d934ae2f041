import type { Reader } from '../io/wire.ts';
import type { Connection } from './connection.ts';

/** What the wire calls; apart from Connection because a ClientConnection's `closed` is something else. */
export class Feed implements Reader {
  private readonly conn: Connection;
  constructor(conn: Connection) {
    this.conn = conn;
  }

  read(buf: Buffer, start: number, end: number): void {
    this.conn.read(buf, start, end);
  }

  eof(): void {
    this.conn.eof();
  }

  drained(): void {
    this.conn.drained();
  }

  shed(): void {
    this.conn.shed();
  }

  closed(): void {
    this.conn.disconnected();
  }
}
