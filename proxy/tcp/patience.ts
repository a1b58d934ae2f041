/**
 * TCP_USER_TIMEOUT takes a peer that acknowledges everything and does not read for one that is gone: the kernel ends the connection when data has waited
 * that long, closed window or not. Opaque protocols stop reading for minutes (a pager, a paused consumer). So forwarded connections that last have it
 * taken off, and its work done here: a peer is gone when data or probes stand out and nothing was heard of it for as long.
 */
import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../lib/clock.ts';
import { setUserTimeout, unheardMs, userTimeout } from './options.ts';

/** One side of a forwarded connection. */
export interface Side {
  readonly socket: Socket;
  /** the timeout that was taken off, milliseconds; 0 when the socket has none, -1 before anybody has looked */
  patienceMs: number;
  /** ends both sides */
  giveUp(reason: string): void;
}

export class Patience {
  private readonly clock: Clock;
  private readonly sides: () => Iterable<Side>;
  private readonly intervalMs: number;
  private timer: Timer | null = null;

  /** `timeoutMs`: the shortest user timeout in use */
  constructor(clock: Clock, timeoutMs: number, sides: () => Iterable<Side>) {
    this.clock = clock;
    this.sides = sides;
    this.intervalMs = timeoutMs / 4;
    this.next();
  }

  stop(): void {
    this.clock.cancel(this.timer);
  }

  private next(): void {
    this.timer = this.clock.after(this.intervalMs, () => {
      for (const side of this.sides()) look(side);
      this.next();
    });
  }
}

function look(side: Side): void {
  const { socket } = side;
  if (side.patienceMs < 0) {
    side.patienceMs = userTimeout(socket);
    if (side.patienceMs > 0) setUserTimeout(socket, 0);
  } else if (side.patienceMs > 0 && unheardMs(socket) > side.patienceMs) {
    side.giveUp('the peer is not heard of any more');
  }
}
