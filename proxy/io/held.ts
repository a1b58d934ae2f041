/**
 * What the whole process holds for its connections: bytes that a peer does not take, and messages that a peer does not finish. Each connection
 * has bounds of its own; ten thousand connections at their bounds would still be gigabytes, so there is one cap over all of them.
 *
 * Far below the cap every connection may hold as much as keeps it fast. As the cap comes nearer connections are held back earlier (they are not read), so that
 * many slow peers share what there is. At the cap the connection that holds the most is told to let go.
 */
import { WINDOW } from '../message/contract.ts';

/** One connection as the budget sees it. */
export interface Holder {
  /** bytes of memory held */
  readonly held: number;
  /** gives memory back at once: the connection, or a part of what runs on it, ends */
  shed(): void;
}

/** Bytes waiting for the kernel above which a connection's producers get no credit, and those of a window that they may not use: at ease, tight, nearly full. */
const HIGH_WATER = [256 * 1024, 64 * 1024, 16 * 1024] as const;
const RESERVE = [0, WINDOW - 64 * 1024, WINDOW - 16 * 1024] as const;

export class HeldBudget {
  readonly limit: number;
  /** see HIGH_WATER */
  highWater: number = HIGH_WATER[0];
  /** see RESERVE */
  reserve: number = RESERVE[0];
  private used = 0;
  private level: 0 | 1 | 2 = 0;
  private shedding = false;
  private readonly holders = new Set<Holder>();

  constructor(limit: number) {
    this.limit = limit;
  }

  get total(): number {
    return this.used;
  }

  get connections(): number {
    return this.holders.size;
  }

  join(holder: Holder): void {
    this.holders.add(holder);
  }

  leave(holder: Holder): void {
    this.holders.delete(holder);
  }

  /** A holder's `held` has just changed by `octets`. */
  change(octets: number): void {
    const used = (this.used += octets);
    const level = used * 4 < this.limit ? 0 : used * 4 < this.limit * 3 ? 1 : 2;
    if (level !== this.level) {
      this.level = level;
      this.highWater = HIGH_WATER[level];
      this.reserve = RESERVE[level];
    }
    if (used <= this.limit || octets <= 0 || this.shedding) return;
    // Not inside the call that brought the bytes: what lets go of memory may be in the middle of something.
    this.shedding = true;
    queueMicrotask(this.shed);
  }

  private readonly shed = (): void => {
    this.shedding = false;
    while (this.used > this.limit) {
      let heaviest: Holder | null = null;
      for (const h of this.holders) if (heaviest === null || h.held > heaviest.held) heaviest = h;
      if (heaviest === null) return;
      const before = this.used;
      heaviest.shed();
      if (this.used >= before) return;
    }
  };
}

/** One for the process. */
export const held = new HeldBudget(48 * 1024 * 1024);
