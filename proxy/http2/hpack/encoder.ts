/**
 * Header lists to header blocks (RFC 7541 section 6), one for each connection's sending side. Strings are sent raw. A field goes into the dynamic table when its
 * name has shown that its values come again: each name has a score that insertions lower and hits raise, so names with a new
 * value every time (a trace id, a path with an id in it) soon stop pushing useful entries out.
 */
import { putLatin1 } from '../latin1.ts';
import { TABLE_SIZE } from './dynamic-table.ts';
import { sensitiveNames } from './sensitive.ts';
import { ENTRY_OVERHEAD, STATIC, STATIC_SIZE } from './static-table.ts';

const MAX_NAMES = 256;
/** Longer values are not indexed: two of them would fill the table. */
const MAX_INDEXED = 512;
const START_SCORE = 4;
const MAX_SCORE = 16;
/** A name with no score left is tried again once in so many fields. */
const RETRY = 64;
/** Different for almost every message, so not even tried. */
const UNIQUE = new Set(['content-length', 'age', 'etag', 'if-none-match', 'grpc-timeout', 'traceparent', 'x-request-id', 'x-b3-traceid', 'x-b3-spanid', 'location']);

class Inserted {
  readonly name: Name;
  readonly value: string;
  readonly at: number;
  constructor(name: Name, value: string, at: number) {
    this.name = name;
    this.value = value;
    this.at = at;
  }

  get size(): number {
    return this.name.text.length + this.value.length + ENTRY_OVERHEAD;
  }
}

interface StaticName { index: number; values: Map<string, number> | null }
const STATIC_NAMES = new Map<string, StaticName>();
for (const [i, [name, value]] of STATIC.entries()) {
  let s = STATIC_NAMES.get(name);
  if (s === undefined) STATIC_NAMES.set(name, (s = { index: i + 1, values: null }));
  if (value !== '') (s.values ??= new Map()).set(value, i + 1);
}

/** What this connection's encoder knows of one field name. */
class Name {
  readonly text: string;
  /** index in the static table or 0 */
  readonly index: number;
  readonly values: Map<string, number> | null;
  readonly unique: boolean;
  sensitive = false;
  generation = -1;
  score = START_SCORE;
  skipped = 0;
  /** entries of the dynamic table with this name, oldest first */
  readonly live: Inserted[] = [];
  constructor(text: string) {
    const known = STATIC_NAMES.get(text);
    this.text = text;
    this.index = known?.index ?? 0;
    this.values = known?.values ?? null;
    this.unique = UNIQUE.has(text);
  }
}

const NOBODY = new Name('');

export class Encoder {
  private readonly names = new Map<string, Name>();
  /** oldest first, from `head` on */
  private entries: Inserted[] = [];
  private head = 0;
  private inserted = 0;
  private size = 0;
  private limit = TABLE_SIZE;
  private announceLow = -1;
  private announce = -1;
  private out: Buffer = Buffer.alloc(0);
  private pos = 0;

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  setLimit(peer: number): void {
    const limit = Math.min(peer, TABLE_SIZE);
    if (limit === this.limit) return;
    // A peer that lowered and raised its limit between two blocks must hear of the lowest (RFC 7541 4.2).
    this.announceLow = this.announceLow < 0 ? Math.min(limit, this.limit) : Math.min(limit, this.announceLow);
    this.announce = limit;
    this.limit = limit;
    this.evict(this.announceLow);
  }

  /** Octets that begin() may write. */
  static readonly BEGIN = 8;

  /** Octets that field() may write for these. */
  static bound(name: string, value: string): number {
    return name.length + value.length + 12;
  }

  /** Starts a block at out[pos]; the caller has made room for what it will encode. */
  begin(out: Buffer, pos: number): void {
    this.out = out;
    this.pos = pos;
    if (this.announce < 0) return;
    if (this.announceLow < this.announce) this.integer(0x20, 0x1f, this.announceLow);
    this.integer(0x20, 0x1f, this.announce);
    this.announce = this.announceLow = -1;
  }

  /** Position after the block. */
  finish(): number {
    return this.pos;
  }

  field(text: string, value: string): void {
    const name = this.names.get(text) ?? this.learn(text);
    if (name.values !== null) {
      const index = name.values.get(value);
      if (index !== undefined) {
        this.out[this.pos++] = 0x80 | index;
        return;
      }
    }
    if (name.generation !== sensitiveNames.generation) this.judge(name, text);
    if (name.sensitive) return this.literal(0x10, 0x0f, name, text, value);
    const live = name.live;
    for (let i = live.length - 1; i >= 0; i--) {
      const e = live[i]!;
      if (e.value !== value) continue;
      if (name.score < MAX_SCORE) name.score++;
      this.integer(0x80, 0x7f, STATIC_SIZE + this.inserted - e.at);
      return;
    }
    if (!this.worthIndexing(name, text, value)) return this.literal(0, 0x0f, name, text, value);
    this.literal(0x40, 0x3f, name, text, value);
    this.insert(name, value);
  }

  private learn(text: string): Name {
    if (this.names.size >= MAX_NAMES) return NOBODY;
    const name = new Name(text);
    this.names.set(text, name);
    return name;
  }

  private judge(name: Name, text: string): void {
    name.sensitive = sensitiveNames.has(text);
    // The one NOBODY stands for many names, so its answer is not kept.
    if (name !== NOBODY) name.generation = sensitiveNames.generation;
  }

  private worthIndexing(name: Name, text: string, value: string): boolean {
    if (name === NOBODY || name.unique || value.length > MAX_INDEXED || text.length + value.length + ENTRY_OVERHEAD > this.limit) return false;
    if (text === ':path' && value.includes('?')) return false;
    if (name.score > 0) return true;
    if (++name.skipped < RETRY) return false;
    name.skipped = 0;
    return true;
  }

  private insert(name: Name, value: string): void {
    if (name.score > 0) name.score--;
    const e = new Inserted(name, value, this.inserted);
    this.evict(this.limit - e.size);
    this.entries.push(e);
    this.inserted++;
    this.size += e.size;
    name.live.push(e);
  }

  private evict(target: number): void {
    while (this.size > target && this.head < this.entries.length) {
      const e = this.entries[this.head++]!;
      this.size -= e.size;
      e.name.live.shift();
    }
    if (this.head > 128) {
      this.entries = this.entries.slice(this.head);
      this.head = 0;
    }
  }

  private literal(pattern: number, mask: number, name: Name, text: string, value: string): void {
    if (name.index !== 0) {
      this.integer(pattern, mask, name.index);
    } else if (name.live.length > 0) {
      this.integer(pattern, mask, STATIC_SIZE + this.inserted - name.live[name.live.length - 1]!.at);
    } else {
      this.out[this.pos++] = pattern;
      this.string(text);
    }
    this.string(value);
  }

  private string(s: string): void {
    const n = s.length;
    this.integer(0, 0x7f, n);
    const out = this.out;
    let p = this.pos;
    if (n < 24) for (let i = 0; i < n; i++) out[p++] = s.charCodeAt(i);
    else p += putLatin1(out, s, p);
    this.pos = p;
  }

  /** RFC 7541 5.1 */
  private integer(pattern: number, mask: number, value: number): void {
    const out = this.out;
    if (value < mask) {
      out[this.pos++] = pattern | value;
      return;
    }
    out[this.pos++] = pattern | mask;
    let rest = value - mask;
    for (; rest >= 0x80; rest >>>= 7) out[this.pos++] = (rest & 0x7f) | 0x80;
    out[this.pos++] = rest;
  }
}
