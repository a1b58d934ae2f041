/** Streams that one side reset: frames for them may still be under way, and only for them are frames on a closed stream no error of the peer's. */
const REMEMBERED = 1024;

export class ResetMemory {
  private ids: Set<number> | null = null;
  /** the highest id that was dropped from `ids`; those below it get the benefit of the doubt */
  private dropped = 0;

  add(id: number): void {
    const ids = (this.ids ??= new Set());
    ids.add(id);
    if (ids.size <= REMEMBERED) return;
    for (const oldest of ids) {
      ids.delete(oldest);
      this.dropped = Math.max(this.dropped, oldest);
      return;
    }
  }

  has(id: number): boolean {
    return (this.ids?.has(id) ?? false) || id <= this.dropped;
  }
}
