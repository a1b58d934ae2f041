import type { Clock, Timer } from '../../lib/clock.ts';

/**
 * One timer for the timeouts of all connections, in place of a timer each: a connection notes a coarse time when it begins to wait
 * (one store), and is asked at every tick whether it has waited too long. Ten thousand connections cost a tick well under a millisecond.
 */
export interface Swept {
  /** `now` in ms on the sweeper's own clock */
  sweep(now: number): void;
}

export class Sweeper {
  /** ms since the sweeper was made, in steps of tickMs */
  now = 0;
  readonly tickMs: number;
  private readonly clock: Clock;
  private readonly members = new Set<Swept>();
  private timer: Timer | null = null;

  constructor(clock: Clock, tickMs = 500) {
    this.clock = clock;
    this.tickMs = tickMs;
  }

  get size(): number {
    return this.members.size;
  }

  add(member: Swept): void {
    this.members.add(member);
    this.timer ??= this.clock.after(this.tickMs, this.tick);
  }

  delete(member: Swept): void {
    this.members.delete(member);
    if (this.members.size > 0) return;
    this.clock.cancel(this.timer);
    this.timer = null;
  }

  private readonly tick = (): void => {
    this.now += this.tickMs;
    this.timer = this.clock.after(this.tickMs, this.tick);
    for (const member of this.members) member.sweep(this.now);
  };
}
