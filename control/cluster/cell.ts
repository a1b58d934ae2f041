/**
 * A value that changes, for any number of readers, each at its own pace: a slow reader misses what came in between and gets the newest.
 * That is the backpressure of every stream here: nothing is ever queued.
 */
export class Cell<T> {
  #value: T | undefined;
  readonly #waiting = new Set<() => void>();

  get value(): T | undefined {
    return this.#value;
  }

  /** The same value again is no change. */
  set(value: T): void {
    if (value === this.#value) return;
    this.#value = value;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  /** The value there is, then each newest one, until the signal aborts. */
  async *follow(signal: AbortSignal): AsyncGenerator<T, void, void> {
    let seen: T | undefined;
    while (!signal.aborted) {
      const value = this.#value;
      if (value !== undefined && value !== seen) {
        seen = value;
        yield value;
      } else {
        await this.#change(signal);
      }
    }
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', wake);
        this.#waiting.delete(wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}
