/**
 * Things found by a key of the traffic, at most `max` of them, and none longer than between one and two sweeps of the registry after its last use: what was
 * used since the last sweep is young, what was used only before is old, and each sweep lets the old ones go. Costs one lookup and no clock.
 */
export class Memo<V> {
  private young = new Map<string, V>();
  private old = new Map<string, V>();
  private epoch: number;
  private readonly registry: { readonly epoch: number };
  private readonly max: number;

  constructor(registry: { readonly epoch: number }, max: number) {
    this.registry = registry;
    this.epoch = registry.epoch;
    this.max = max;
  }

  get(key: string): V | undefined {
    if (this.epoch !== this.registry.epoch) this.turn();
    let v = this.young.get(key);
    if (v === undefined && (v = this.old.get(key)) !== undefined) {
      this.old.delete(key);
      this.young.set(key, v);
    }
    return v;
  }

  /** No more keys for now: count what is new together with something else. */
  get full(): boolean {
    return this.young.size + this.old.size >= this.max;
  }

  set(key: string, v: V): void {
    this.young.set(key, v);
  }

  private turn(): void {
    this.old = this.registry.epoch === this.epoch + 1 ? this.young : new Map();
    this.young = new Map();
    this.epoch = this.registry.epoch;
  }
}
