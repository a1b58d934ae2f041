import { renderLabels, type Labels } from './text.ts';

export type Type = 'counter' | 'gauge' | 'histogram';

/** What all families of a registry share: how many more series there may be, and the count of label sets that came too late. */
export interface Folding { left: number; folded: { value: number } | null }

/** `mark` changes with every event. */
export interface Handle { readonly mark: number }

/** Sweeps without an event after which a series leaves the exposition. */
export const IDLE_SWEEPS = 10;
const PINNED = -1;

/** The place of one series: held strongly while it is in use, else weakly. */
interface Slot<T extends object> { strong: T | null; weak: WeakRef<T> | null; mark: number; idle: number }

/** The series of one family by their label text. */
export class Slots<T extends Handle> {
  private readonly byLabels = new Map<string, Slot<T>>();
  private readonly type: Type;
  private readonly make: () => T;
  private readonly folding: Folding;

  constructor(type: Type, make: () => T, folding: Folding) {
    this.type = type;
    this.make = make;
    this.folding = folding;
  }

  get(text: string, labels: Labels): T {
    const slot = this.byLabels.get(text);
    if (slot === undefined) return this.add(text, labels);
    const s = slot.strong ?? slot.weak?.deref() ?? this.make();
    // Whoever asks may count and let go at once: until a sweep has seen that, it is held here.
    if (slot.strong === null) revive(slot, s);
    return s;
  }

  pin(text: string, labels: Labels): T {
    const s = this.get(text, labels);
    const slot = this.byLabels.get(text);
    if (slot !== undefined) slot.idle = PINNED;
    return s;
  }

  private add(text: string, labels: Labels): T {
    if (this.folding.left <= 0) {
      if (this.folding.folded !== null) this.folding.folded.value++;
      return this.type === 'gauge' ? this.make() : this.fold(labels);
    }
    return this.put(text);
  }

  private fold(labels: Labels): T {
    const text = renderLabels({ ...(labels['direction'] === undefined ? {} : { direction: labels['direction'] }), folded: 'true' });
    return this.byLabels.get(text)?.strong ?? this.put(text, PINNED);
  }

  private put(text: string, idle = text === '' ? PINNED : 0): T {
    const strong = this.make();
    this.folding.left--;
    this.byLabels.set(text, { strong, weak: null, mark: strong.mark, idle });
    return strong;
  }

  delete(text: string): void {
    if (this.byLabels.delete(text)) this.folding.left++;
  }

  /** Label text and handle of each series that is to be exposed. */
  *exposed(): Generator<readonly [string, T]> {
    for (const [text, slot] of this.byLabels) {
      const s = slot.strong ?? this.awake(text, slot);
      if (s !== null) yield [text, s];
    }
  }

  /** One that was put to rest: again in use, a gauge that is still held, or (null) at rest or gone. */
  private awake(text: string, slot: Slot<T>): T | null {
    const s = slot.weak!.deref();
    if (s === undefined) {
      this.delete(text);
      return null;
    }
    if (s.mark !== slot.mark) revive(slot, s);
    return slot.strong !== null || this.type === 'gauge' ? s : null;
  }

  sweep(): void {
    for (const [text, slot] of this.byLabels) {
      const { strong } = slot;
      if (strong === null) {
        this.awake(text, slot);
      } else if (slot.idle === PINNED) {
        continue;
      } else if (strong.mark !== slot.mark) {
        slot.mark = strong.mark;
        slot.idle = 0;
      } else if (++slot.idle >= IDLE_SWEEPS) {
        slot.weak = new WeakRef(strong);
        slot.strong = null;
      }
    }
  }
}

function revive<T extends Handle>(slot: Slot<T>, s: T): void {
  slot.strong = s;
  slot.weak = null;
  slot.mark = s.mark;
  slot.idle = 0;
}
