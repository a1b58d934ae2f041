import type { Clock } from '../../lib/clock.ts';

/** What the collector looks at and does. Bytes. */
export interface Heap {
  /** CPU time of the process so far, milliseconds */
  cpuMs(): number;
  /** JavaScript objects and what they hold outside of the heap, garbage included */
  used(): number;
  /** connections that are open */
  open(): number;
  /** one full collection; it may run on after the return */
  collect(): void;
  /** hands freed memory of the C library back to the system */
  trim(): void;
}

const TICK_MS = 5_000;
/** Less of a core than this in a tick is quiet, some hundred requests a second: hardly one meets a pause of some milliseconds, and V8 sees no reason to collect. */
const QUIET_SHARE = 0.01;
/** Quiet ticks in a row before a collection. */
const QUIET_TICKS = 2;
/** Growth since the last collection that makes another one worth its time. */
const WORTH = 2 * 1024 * 1024;
/** Connections fewer than there were since then that do: those that idle out after load become garbage, and the heap does not grow. */
const WORTH_CLOSED = 64;
/** A trim after each collection, and one for what does not show in the heap. */
const TRIM_AFTER_MS = 1_000;

/**
 * Gives memory back after load. V8 collects when its heap has grown, so a proxy that goes quiet would keep the garbage of its busiest minute for
 * hours; here it is collected once things have been quiet for some seconds, when the heap has grown since the last time.
 */
export class IdleCollector {
  private readonly clock: Clock;
  private readonly heap: Heap;
  private cpu: number;
  private quiet = 0;
  /** something happened since the last trim */
  private busy = false;
  private floor = 0;
  /** the most connections since the last collection */
  private most = 0;
  private stopped = false;

  constructor(clock: Clock, heap: Heap) {
    this.clock = clock;
    this.heap = heap;
    this.cpu = heap.cpuMs();
  }

  start(): void {
    this.clock.after(TICK_MS, () => {
      if (this.stopped) return;
      this.tick();
      this.start();
    });
  }

  stop(): void {
    this.stopped = true;
  }

  private tick(): void {
    const cpu = this.heap.cpuMs();
    const share = (cpu - this.cpu) / TICK_MS;
    const open = this.heap.open();
    this.cpu = cpu;
    this.most = Math.max(this.most, open);
    if (share >= QUIET_SHARE) {
      this.quiet = 0;
      this.busy = true;
      return;
    }
    if (++this.quiet < QUIET_TICKS) return;
    if (this.heap.used() - this.floor >= WORTH || this.most - open >= WORTH_CLOSED) this.collect();
    else if (this.busy) this.trim();
  }

  private collect(): void {
    this.heap.collect();
    this.clock.after(TRIM_AFTER_MS, () => {
      if (this.stopped) return;
      this.floor = this.heap.used();
      this.most = this.heap.open();
      this.trim();
    });
  }

  private trim(): void {
    this.busy = false;
    this.heap.trim();
  }
}
