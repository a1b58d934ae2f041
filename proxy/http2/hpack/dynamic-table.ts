/** The decoder's dynamic table (RFC 7541 2.3.2, 4): a ring, newest entry first. */
import { HpackError } from './error.ts';
import { type Kind, KIND, kindOf } from './classify.ts';
import { ENTRY_OVERHEAD, STATIC, STATIC_SIZE } from './static-table.ts';

export class Entry {
  readonly name: string;
  readonly value: string;
  readonly kind: Kind;
  /** the value has octets that such a field cannot have; malformed when it is used */
  readonly bad: boolean;
  readonly size: number;
  constructor(name: string, value: string, kind: Kind, bad: boolean) {
    this.name = name;
    this.value = value;
    this.kind = kind;
    this.bad = bad;
    this.size = name.length + value.length + ENTRY_OVERHEAD;
  }
}

/** Index -> entry; 0 is unused. A value of '' in the static table stands for "name only", which some kinds cannot have as value. */
const STATIC_ENTRIES: readonly Entry[] = [new Entry('', '', KIND.badName, true), ...STATIC.map(([name, value]) => {
  const kind = kindOf(name);
  return new Entry(name, value, kind, value === '' && (kind === KIND.authority || kind === KIND.host));
})];

/** What SETTINGS_HEADER_TABLE_SIZE is by default, and the most that either side of this codec uses. */
export const TABLE_SIZE = 4096;
/** A ring has at most as many slots as the smallest entries could fill, and few to begin with: most connections have few fields to remember. */
const MAX_SLOTS = TABLE_SIZE / ENTRY_OVERHEAD;
const FIRST_SLOTS = 8;
const NONE: Entry[] = [];

export class DynamicTable {
  /** rises with every insertion and eviction: what was decoded with references into the table holds for one epoch only */
  epoch = 0;
  private ring: Entry[] = NONE;
  private inserted = 0;
  private count = 0;
  private size = 0;
  private limit = TABLE_SIZE;

  get(index: number): Entry {
    if (index <= STATIC_SIZE) {
      if (index === 0) throw new HpackError('index 0');
      return STATIC_ENTRIES[index]!;
    }
    const back = index - STATIC_SIZE;
    if (back > this.count) throw new HpackError('index beyond the dynamic table');
    return this.ring[(this.inserted - back) & (this.ring.length - 1)]!;
  }

  add(entry: Entry): void {
    this.epoch++;
    const size = entry.size;
    this.evict(this.limit - size);
    if (size > this.limit) return;
    if (this.count === this.ring.length) this.grow();
    this.ring[this.inserted & (this.ring.length - 1)] = entry;
    this.inserted++;
    this.count++;
    this.size += size;
  }

  private grow(): void {
    const old = this.ring;
    const slots = old === NONE ? FIRST_SLOTS : Math.min(MAX_SLOTS, old.length * 4);
    const ring = Array.from<Entry>({ length: slots }).fill(STATIC_ENTRIES[0]!);
    for (let i = this.inserted - this.count; i < this.inserted; i++) ring[i & (slots - 1)] = old[i & (old.length - 1)]!;
    this.ring = ring;
  }

  resize(limit: number): void {
    if (limit > TABLE_SIZE) throw new HpackError('dynamic table size over the limit');
    this.epoch++;
    this.limit = limit;
    this.evict(limit);
  }

  private evict(target: number): void {
    while (this.count > 0 && this.size > target) {
      const oldest = (this.inserted - this.count) & (this.ring.length - 1);
      this.size -= this.ring[oldest]!.size;
      this.ring[oldest] = STATIC_ENTRIES[0]!;
      this.count--;
    }
  }
}
