/** Finds dead peers: a PING when nothing was received for a while, and an end when that brings nothing either. One timer a connection. */
import type { Clock, Timer } from '../../lib/clock.ts';

/** The connection, as this sees it. */
export interface Alive {
  /** octets from the peer so far */
  readonly heard: number;
  ping(): void;
  dead(): void;
}

export class KeepAlive {
  private readonly clock: Clock;
  private readonly times: { intervalMs: number; timeoutMs: number };
  private readonly connection: Alive;
  private timer: Timer | null = null;
  private seen = 0;
  /** the ping is out and nothing has come since */
  private asked = false;

  constructor(clock: Clock, times: { intervalMs: number; timeoutMs: number }, connection: Alive) {
    this.clock = clock;
    this.times = times;
    this.connection = connection;
    this.listen();
  }

  stop(): void {
    this.clock.cancel(this.timer);
  }

  private listen(): void {
    this.asked = false;
    this.seen = this.connection.heard;
    this.timer = this.clock.after(this.times.intervalMs, this.due);
  }

  private readonly due = (): void => {
    const { connection } = this;
    if (connection.heard !== this.seen) {
      this.listen();
    } else if (this.asked) {
      connection.dead();
    } else {
      this.asked = true;
      connection.ping();
      this.timer = this.clock.after(this.times.timeoutMs, this.due);
    }
  };
}
