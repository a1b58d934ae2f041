/**
 * One cap for the content that waits in all connections of the process together. Each stream may have a window of content waiting, so peers that
 * open many streams and never read (CVE-2019-9511, 9517) could hold streams x WINDOW otherwise. When the cap is reached, the connection that holds the most loses its fullest streams.
 */
export interface QueueOwner {
  /** octets of memory that its queues hold */
  readonly queued: number;
  /** resets the stream that holds the most */
  shed(): void;
}

export class QueueBudget {
  readonly limit: number;
  private used = 0;
  private readonly owners = new Set<QueueOwner>();

  constructor(limit: number) {
    this.limit = limit;
  }

  get total(): number {
    return this.used;
  }

  /** `owner.queued` has just changed by `octets`. */
  change(owner: QueueOwner, octets: number): void {
    this.used += octets;
    if (owner.queued === 0) this.owners.delete(owner);
    else this.owners.add(owner);
    if (octets <= 0) return;
    while (this.used > this.limit) {
      let heaviest: QueueOwner | null = null;
      for (const o of this.owners) if (heaviest === null || o.queued > heaviest.queued) heaviest = o;
      if (heaviest === null) return;
      const before = this.used;
      heaviest.shed();
      if (this.used >= before) return;
    }
  }
}

/** What the process holds at most for peers that are slow to read. */
export const queueBudget = new QueueBudget(32 * 1024 * 1024);
