import type { Credentials, MeshIdentity } from './credentials.ts';

/** The part of MeshIdentity that every source of credentials shares. */
export class CredentialsHolder implements MeshIdentity {
  readonly ready: Promise<void>;
  readonly #stop: () => void;
  readonly #listeners = new Set<(credentials: Credentials) => void>();
  #current: Credentials | null = null;
  #settle: () => void = () => undefined;

  constructor(stop: () => void) {
    this.#stop = stop;
    this.ready = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  current(): Credentials | null {
    return this.#current;
  }

  onChange(listener: (credentials: Credentials) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  set(credentials: Credentials): void {
    const first = this.#current === null;
    this.#current = credentials;
    if (first) this.#settle();
    else for (const listener of this.#listeners) listener(credentials);
  }

  stop(): void {
    this.#stop();
  }
}
