/** Finds dead peers: a PING when nothing was received for a while, and an end when that brings nothing either. One timer a connection. */
import type { Clock, Timer } from '../../lib/clock.ts';

export class KeepAlive {
  private readonly clock: Clock;
  private readonly intervalMs: number;
  private readonly timeoutMs: number;
  private readonly received: () => number;
  private readonly ping: () => void;
  private readonly dead: () => void;
  private timer: Timer | null = null;
  private seen = 0;

  /** `received`: octets from the peer so far */
  constructor(clock: Clock, times: { intervalMs: number; timeoutMs: number }, received: () => number, ping: () => void, dead: () => void) {
    this.clock = clock;
    this.intervalMs = times.intervalMs;
    this.timeoutMs = times.timeoutMs;
    this.received = received;
    this.ping = ping;
    this.dead = dead;
    this.listen();
  }

  stop(): void {
    this.clock.cancel(this.timer);
  }

  private listen(): void {
    this.seen = this.received();
    this.timer = this.clock.after(this.intervalMs, () => {
      if (this.received() !== this.seen) return this.listen();
      this.ping();
      this.timer = this.clock.after(this.timeoutMs, () => {
        if (this.received() === this.seen) this.dead();
        else this.listen();
      });
    });
  }
}
