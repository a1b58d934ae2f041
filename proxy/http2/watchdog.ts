/** Ends a connection whose peer leaves something half done: its settings unacknowledged, a header block without an end, a frame cut short (slow loris). */
import type { Clock, Timer } from '../../lib/clock.ts';

/** What the watchdog looks at. */
export interface Watched {
  /** the peer has acknowledged our SETTINGS */
  readonly settled: boolean;
  /** stream whose header block is not complete, or 0 */
  readonly openBlock: number;
  /** octets kept of a frame that is not complete */
  readonly pending: number;
  /** frames received so far */
  readonly frames: number;
  /** nothing has changed for the whole time */
  leftHalfDone(reason: string): void;
}

export class Watchdog {
  private readonly clock: Clock;
  private readonly ms: number;
  private readonly watched: Watched;
  private timer: Timer | null = null;

  constructor(clock: Clock, ms: number, watched: Watched) {
    this.clock = clock;
    this.ms = ms;
    this.watched = watched;
    this.start();
  }

  /** To be called after each read: most of the time it compares and returns. */
  look(): void {
    const w = this.watched;
    const halfDone = w.pending > 0 || w.openBlock !== 0 || !w.settled;
    if (halfDone === (this.timer !== null)) return;
    if (halfDone) this.start();
    else this.stop();
  }

  stop(): void {
    this.clock.cancel(this.timer);
    this.timer = null;
  }

  private start(): void {
    const w = this.watched;
    const block = w.openBlock;
    const { frames, settled } = w;
    this.timer = this.clock.after(this.ms, () => {
      this.timer = null;
      if (!settled && !w.settled) w.leftHalfDone('settings-timeout');
      else if (block !== 0 && w.openBlock === block) w.leftHalfDone('header-block-timeout');
      else if (w.pending > 0 && w.frames === frames) w.leftHalfDone('frame-timeout');
      else this.look();
    });
  }
}
