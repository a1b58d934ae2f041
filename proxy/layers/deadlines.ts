import type { Clock, Timer } from '../../lib/clock.ts';

/** One owner's deadline; give it to cancel() when it is met. */
export class Deadline<T> {
  readonly at: number;
  /** null: it is over, one way or the other */
  owner: T | null;
  before: Deadline<T> | null = null;
  after: Deadline<T> | null = null;

  constructor(at: number, owner: T) {
    this.at = at;
    this.owner = owner;
  }
}

/**
 * Deadlines that all lie equally far ahead when they are set, so that they come due in the order of a list: one timer serves all of them, and setting and
 * cancelling one, which every request does, is a matter of pointers. A timer of the runtime costs ten times as much.
 */
export class Deadlines<T> {
  private readonly clock: Clock;
  private readonly ms: number;
  private readonly due: (owner: T) => void;
  private first: Deadline<T> | null = null;
  private last: Deadline<T> | null = null;
  /** set for the first one, or for one that was first when it was set */
  private timer: Timer | null = null;

  constructor(clock: Clock, ms: number, due: (owner: T) => void) {
    this.clock = clock;
    this.ms = ms;
    this.due = due;
  }

  /** `due` is called with the owner after `ms`, unless it is cancelled before. `now`: clock.now() of this moment. */
  set(owner: T, now: number): Deadline<T> {
    // Whole milliseconds: a fraction would be an object of its own.
    const d = new Deadline(Math.ceil(now + this.ms), owner);
    if (this.last === null) this.first = d;
    else {
      this.last.after = d;
      d.before = this.last;
    }
    this.last = d;
    this.timer ??= this.clock.after(this.ms, this.expire);
    return d;
  }

  cancel(d: Deadline<T> | null): void {
    if (d !== null && d.owner !== null) this.unlink(d);
  }

  private unlink(d: Deadline<T>): void {
    d.owner = null;
    if (d.before === null) this.first = d.after;
    else d.before.after = d.after;
    if (d.after === null) this.last = d.before;
    else d.after.before = d.before;
    // An old one that is over would keep all that were set after it from being collected young.
    d.before = d.after = null;
  }

  private readonly expire = (): void => {
    this.timer = null;
    const now = this.clock.now();
    // A timer of the runtime may fire a fraction of a millisecond early.
    for (let d = this.first; d !== null && d.at <= now + 1; d = this.first) {
      const owner = d.owner!;
      this.unlink(d);
      this.due(owner);
    }
    if (this.first !== null && this.timer === null) this.timer = this.clock.after(Math.max(1, this.first.at - now), this.expire);
  };
}
