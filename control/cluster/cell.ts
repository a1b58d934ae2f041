/**
 * A value that changes, for any number of readers, each at its own pace: a slow reader misses what came in between and gets the newest.
 * That is the backpressure of every stream here: nothing is ever queued.
 */
export class Cell<T> {
  #value: T | undefined;
  readonly #waiting = new Set<() => void>();
  readonly #listeners = new Set<(value: T) => void>();

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
    for (const listener of this.#listeners) listener(value);
  }

  /** Calls back with the value there is, and with each newer one until what it returns is called. */
  listen(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    if (this.#value !== undefined) listener(this.#value);
    return () => this.#listeners.delete(listener);
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
