import type { KubeObject } from './types.ts';

/** Values under which an object is found, e.g. its pod IPs. */
export type IndexFunction<T> = (object: T) => readonly string[];

/** namespace/name, or the name alone for cluster-scoped objects. */
export function keyOf(object: KubeObject): string {
  const { namespace, name } = object.metadata;
  return namespace ? `${namespace}/${name}` : name;
}

/** What a watch knows, read-only. */
export interface ReadStore<T> {
  get(key: string): T | undefined;
  /** Objects whose index function gave `value`, in the order in which they came. */
  by(index: string, value: string): T[];
  values(): IterableIterator<T>;
  keys(): IterableIterator<string>;
  readonly size: number;
}

/** Objects by key with named indexes. */
export class Store<T extends KubeObject> implements ReadStore<T> {
  readonly #objects = new Map<string, T>();
  readonly #functions: [string, IndexFunction<T>][];
  readonly #indexes = new Map<string, Map<string, Set<string>>>();

  constructor(indexes: Record<string, IndexFunction<T>> = {}) {
    this.#functions = Object.entries(indexes);
    for (const [name] of this.#functions) this.#indexes.set(name, new Map());
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  values(): IterableIterator<T> {
    return this.#objects.values();
  }

  keys(): IterableIterator<string> {
    return this.#objects.keys();
  }

  by(index: string, value: string): T[] {
    const values = this.#indexes.get(index);
    if (!values) throw new Error(`no index "${index}"`);
    return Array.from(values.get(value) ?? [], (key) => this.#objects.get(key)!);
  }

  /** Returns what stood there before. */
  set(key: string, object: T): T | undefined {
    const old = this.#objects.get(key);
    if (old) this.#unindex(key, old);
    this.#objects.set(key, object);
    for (const [name, values] of this.#functions) {
      const index = this.#indexes.get(name)!;
      for (const value of values(object)) {
        const keys = index.get(value);
        if (keys) keys.add(key);
        else index.set(value, new Set([key]));
      }
    }
    return old;
  }

  delete(key: string): T | undefined {
    const old = this.#objects.get(key);
    if (!old) return undefined;
    this.#unindex(key, old);
    this.#objects.delete(key);
    return old;
  }

  #unindex(key: string, object: T): void {
    for (const [name, values] of this.#functions) {
      const index = this.#indexes.get(name)!;
      for (const value of values(object)) {
        const keys = index.get(value);
        keys?.delete(key);
        if (keys?.size === 0) index.delete(value);
      }
    }
  }
}
