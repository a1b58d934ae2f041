/**
 * Finds streams whose peer leaves something half done: a request body that does not go on, a window that does not open. While there is such a stream on the
 * connection a timer looks at them once a period; a stream that has moved less than MIN_PROGRESS octets from one look to the next is reported.
 */
import type { Clock, Timer } from '../../lib/clock.ts';
import type { Stream } from './stream.ts';

const MIN_PROGRESS = 1024;

/** The connection, as the watch sees it. */
export interface StallOwner {
  readonly streams: { all(): Stream[] };
  stalled(stream: Stream, reason: string): void;
}

export class StallWatch {
  private readonly clock: Clock;
  private readonly ms: number;
  private readonly owner: StallOwner;
  private timer: Timer | null = null;

  constructor(clock: Clock, ms: number, owner: StallOwner) {
    this.clock = clock;
    this.ms = ms;
    this.owner = owner;
  }

  /** There may be something to watch now. */
  arm(): void {
    this.timer ??= this.clock.after(this.ms, () => this.look());
  }

  stop(): void {
    this.clock.cancel(this.timer);
    this.timer = null;
  }

  private look(): void {
    this.timer = null;
    for (const stream of this.owner.streams.all()) {
      if (stream.closed) continue;
      const { queue } = stream;
      const owes = stream.owesBody;
      if (queue === null && !owes) continue;
      this.arm();
      if (queue !== null) {
        if (queue.seen >= 0 && queue.taken - queue.seen < MIN_PROGRESS) this.owner.stalled(stream, 'peer-not-reading');
        queue.seen = queue.taken;
      }
      if (owes && !stream.closed) {
        if (stream.seen >= 0 && stream.received - stream.seen < MIN_PROGRESS) this.owner.stalled(stream, 'body-timeout');
        stream.seen = stream.received;
      }
    }
  }
}
