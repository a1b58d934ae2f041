/**
 * The open streams of a connection, by id.
 *
 * Not a Map: V8 makes a new table for a Map after so many deletions, and the table before it goes on pointing to the new one and to the streams that were open
 * then. Once such a dead table is old, every collection of the young generation takes it for alive, with its successors: under load nearly all that requests
 * allocate became old that way, which cost a full collection five times a second and 8 MB.
 *
 * Here a stream lies at its number modulo the size, or behind that: ids follow one another, so that they hardly ever meet. A peer that picks its ids so that
 * they do makes each look-up as long as the number of streams that it may have open.
 */
import type { Stream } from './stream.ts';

const NONE: (Stream | null)[] = [];
const LEAST = 8;
/** Slots that a connection without streams keeps. */
const KEPT = 64;

export class StreamTable {
  size = 0;
  /** a power of two of them, at least half of them null */
  private slots = NONE;

  get(id: number): Stream | undefined {
    const at = this.find(id);
    return at < 0 ? undefined : this.slots[at]!;
  }

  /** There must be none with its id. */
  add(stream: Stream): void {
    if (++this.size * 2 > this.slots.length) {
      const streams = this.all();
      this.slots = Array.from({ length: Math.max(LEAST, this.slots.length * 2) }, () => null);
      for (const s of streams) this.put(s);
    }
    this.put(stream);
  }

  delete(id: number): void {
    let hole = this.find(id);
    if (hole < 0) return;
    const { slots } = this;
    const mask = slots.length - 1;
    // What lies behind the hole and belongs in front of it moves up.
    for (let i = (hole + 1) & mask; slots[i] !== null; i = (i + 1) & mask) {
      const home = slots[i]!.id >>> 1;
      if (((i - home) & mask) < ((i - hole) & mask)) continue;
      slots[hole] = slots[i]!;
      hole = i;
    }
    slots[hole] = null;
    if (--this.size === 0 && slots.length > KEPT) this.slots = NONE;
  }

  /** Those of now, the oldest first; while one goes through them others may be closed. */
  all(): Stream[] {
    return this.slots.filter((s) => s !== null).sort((a, b) => a.id - b.id);
  }

  private put(stream: Stream): void {
    const mask = this.slots.length - 1;
    let at = (stream.id >>> 1) & mask;
    while (this.slots[at] !== null) at = (at + 1) & mask;
    this.slots[at] = stream;
  }

  /** Where it lies; -1 nowhere. */
  private find(id: number): number {
    if (this.size === 0) return -1;
    const { slots } = this;
    const mask = slots.length - 1;
    for (let i = (id >>> 1) & mask; ; i = (i + 1) & mask) {
      const s = slots[i]!;
      if (s === null) return -1;
      if (s.id === id) return i;
    }
  }
}
