import { apiVersionOf, RESOURCES } from '../resources.ts';
import type { Resource } from '../resources.ts';
import { keyOf } from '../store.ts';
import type { KubeObject } from '../types.ts';

export interface Change {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  version: number;
  plural: string;
  object: KubeObject;
}

/** Objects with versions and a history: what etcd is to a real API server. Every write bumps one counter. */
export class ClusterState {
  version = 1000;
  /** watches from before this version are answered with 410 */
  compacted = 0;
  readonly history: Change[] = [];
  readonly #objects = new Map<string, Map<string, KubeObject>>();
  readonly #listeners = new Set<(change: Change) => void>();

  resourceOf(object: KubeObject): Resource {
    const found = Object.values<Resource>(RESOURCES).find((r) => r.kind === object.kind && apiVersionOf(r) === object.apiVersion);
    if (!found) throw new Error(`the fake API server knows no ${object.apiVersion} ${object.kind}`);
    return found;
  }

  all(plural: string): KubeObject[] {
    const objects = [...(this.#objects.get(plural)?.values() ?? [])];
    return objects.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  }

  find(plural: string, key: string): KubeObject | undefined {
    return this.#objects.get(plural)?.get(key);
  }

  put(plural: string, object: KubeObject): KubeObject {
    const objects = this.#objects.get(plural) ?? new Map<string, KubeObject>();
    this.#objects.set(plural, objects);
    const key = keyOf(object);
    const old = objects.get(key);
    const version = ++this.version;
    const stored = structuredClone(object);
    stored.metadata.uid ??= old?.metadata.uid ?? `uid-${version}`;
    stored.metadata.resourceVersion = String(version);
    objects.set(key, stored);
    this.#record({ type: old ? 'MODIFIED' : 'ADDED', version, plural, object: stored });
    return stored;
  }

  remove(plural: string, key: string): KubeObject | undefined {
    const old = this.find(plural, key);
    if (!old) return undefined;
    this.#objects.get(plural)!.delete(key);
    const version = ++this.version;
    const last = { ...old, metadata: { ...old.metadata, resourceVersion: String(version) } };
    this.#record({ type: 'DELETED', version, plural, object: last });
    return last;
  }

  /** Forgets the history, as etcd compaction does. */
  compact(): void {
    this.compacted = this.version;
  }

  onChange(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #record(change: Change): void {
    this.history.push(change);
    for (const listener of this.#listeners) listener(change);
  }
}
