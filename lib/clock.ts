/** Time as the rest of the code sees it, so that tests can turn it by hand. */
export type Timer = object;

export interface Clock {
  /** milliseconds, monotonic, from an arbitrary start; fractions count */
  now(): number;
  /** milliseconds since the epoch */
  wall(): number;
  /** calls f once after ms; the timer does not keep the process alive */
  after(ms: number, f: () => void): Timer;
  cancel(timer: Timer | null | undefined): void;
}

/** An event is being handled; when it began, -1 until somebody asks. */
let inEvent = false;
let eventAt = -1;

/**
 * From here to endEvent() the system's clock stands still: what one read from a socket brings takes well under a millisecond, and a proxied request would ask
 * for the time a dozen times.
 */
export function beginEvent(): void {
  inEvent = true;
  eventAt = -1;
}

export function endEvent(): void {
  inEvent = false;
}

function now(): number {
  if (!inEvent) return performance.now();
  if (eventAt < 0) eventAt = performance.now();
  return eventAt;
}

export const systemClock: Clock = {
  now,
  wall: () => Date.now(),
  after: (ms, f) => setTimeout(f, ms).unref(),
  cancel: (timer) => clearTimeout((timer ?? undefined) as NodeJS.Timeout | undefined),
};

/** A clock that moves only when told to; timers fire in order while it moves. */
export class ManualClock implements Clock {
  private time: number;
  private readonly timers = new Set<{ at: number; f: () => void }>();

  constructor(start = 0) {
    this.time = start;
  }

  now(): number {
    return this.time;
  }

  wall(): number {
    return this.time;
  }

  after(ms: number, f: () => void): Timer {
    const timer = { at: this.time + ms, f };
    this.timers.add(timer);
    return timer;
  }

  cancel(timer: Timer | null | undefined): void {
    this.timers.delete(timer as { at: number; f: () => void });
  }

  advance(ms: number): void {
    const until = this.time + ms;
    for (;;) {
      let next: { at: number; f: () => void } | null = null;
      for (const t of this.timers) if (t.at <= until && (next === null || t.at < next.at)) next = t;
      if (next === null) break;
      this.timers.delete(next);
      this.time = Math.max(this.time, next.at);
      next.f();
    }
    this.time = until;
  }
}
