import type { Socket } from 'node:net';
import { abort } from '../io/abort.ts';
import { Wire, type Reader } from '../io/wire.ts';
import type { Side } from './patience.ts';

const NOTHING = Buffer.alloc(0);

/** Bytes moved, as the accepted side sees them. */
export interface ForwardResult { fromClient: number; toClient: number; error: Error | null }

/**
 * Joins two connections byte for byte: half-close passes through, backpressure holds back the faster side, and when either breaks the other is
 * reset, once it has what was read before.
 */
export class Forward {
  private readonly a: Half;
  private readonly b: Half;

  constructor(client: Socket, server: Socket, firstFromClient: Buffer | null, onEnd: (r: ForwardResult) => void) {
    const a = (this.a = new Half(client));
    const b = (this.b = new Half(server));
    a.peer = b;
    b.peer = a;
    let open = 2;
    let error: Error | null = null;
    const ended = (e: Error | null): void => {
      error ??= e;
      if (--open === 0) onEnd({ fromClient: a.wire.readBytes, toClient: b.wire.readBytes, error });
    };
    a.onClosed = ended;
    b.onClosed = ended;
    a.wire.start(a, firstFromClient);
    b.wire.start(b, null);
  }

  /** the client's side and the server's */
  get sides(): readonly [Side, Side] {
    return [this.a, this.b];
  }

  destroy(): void {
    this.a.wire.destroy();
    this.b.wire.destroy();
  }
}

class Half implements Reader, Side {
  readonly wire: Wire;
  peer!: Half;
  onClosed!: (error: Error | null) => void;
  patienceMs = -1;
  private ended = false;

  constructor(socket: Socket) {
    this.wire = new Wire(socket);
  }

  get socket(): Socket {
    return this.wire.socket;
  }

  giveUp(reason: string): void {
    this.wire.destroy(new Error(reason));
  }

  read(buf: Buffer, start: number, end: number): void {
    const to = this.peer.wire;
    to.write(buf, start, end);
    if (to.congested) this.wire.pause();
  }

  eof(): void {
    this.ended = true;
    this.peer.wire.finish();
    if (this.peer.ended) this.wire.close();
  }

  drained(): void {
    this.peer.wire.resume();
  }

  shed(): void {
    this.wire.destroy(new Error('memory cap'));
  }

  private reset(): void {
    const { wire } = this;
    const { socket } = wire;
    wire.flush();
    if (socket.writableLength === 0 || socket.writableEnded) abort(socket);
    else socket.write(NOTHING, () => abort(socket));
  }

  closed(error: Error | null): void {
    // A peer that vanished without FIN must not leave the other side waiting; after FIN both ways there is nothing left to reset.
    if (!this.ended || error !== null) this.peer.reset();
    else this.peer.wire.finish();
    this.onClosed(error);
  }
}
