/** Header blocks to header lists (RFC 7541 section 6), one for each connection's receiving side. */
import { HpackError } from './error.ts';
import { HeaderBlock } from './block.ts';
import { BlockCache } from './block-cache.ts';
import { KIND, type Kind, canonicalName, kindOf, validName, validValue } from './classify.ts';
import { DynamicTable, Entry } from './dynamic-table.ts';
import { huffmanBound, huffmanDecode } from './huffman.ts';
import { fromLatin1 } from '../latin1.ts';
import { sensitiveNames } from './sensitive.ts';

/** Larger integers than any index, length or table size that can be meant (RFC 7541 5.1 asks for such a limit). */
const MAX_INTEGER = 1 << 24;
const COLON = 0x3a;
/** a colon's seven-bit Huffman code */
const COLON_HUFFMAN = 0x5c;
const NO_ENTRIES: Entry[] = [];

/** One for the process: connections share it, so that ten thousand of them do not mean ten thousand caches. */
const cache = new BlockCache();
const block = new HeaderBlock();
let scratch = Buffer.allocUnsafeSlow(4096);
let ids = 0;

export class Decoder {
  readonly table = new DynamicTable();
  private readonly id = ++ids;
  private readonly limit: number;
  private buf: Uint8Array = scratch;
  private pos = 0;
  private end = 0;
  /** where the last string read lies; equals `buf` or `scratch` */
  private text: Buffer = scratch;
  private textStart = 0;
  private textEnd = 0;
  private referred = false;
  private added: Entry[] = NO_ENTRIES;

  /** `limit`: header list size, as SETTINGS_MAX_HEADER_LIST_SIZE counts it, from which on fields are no longer kept */
  constructor(limit: number) {
    this.limit = limit;
  }

  /** Decodes the block in buf[start, end). The result is valid until the next call of any decoder. Throws HpackError. */
  decode(buf: Buffer, start: number, end: number): HeaderBlock {
    block.clear();
    // Not the list of the block before: the cache may have kept that one.
    this.added = NO_ENTRIES;
    this.buf = buf;
    this.pos = start;
    this.end = end;
    this.takeSizeUpdates();
    while (this.pos < end && this.atPseudo()) this.field();
    const tail = this.pos;
    if (tail === end) return block;
    const cached = cache.find(buf, tail, end, this.id, this.table.epoch);
    if (cached !== null) {
      cached.copyTo(block, this.limit);
      for (const entry of cached.added) this.table.add(entry);
      return block;
    }
    const before = block.size;
    const epoch = this.table.epoch;
    this.referred = block.secret = false;
    this.added = NO_ENTRIES;
    const seen = block.seen;
    while (this.pos < end) this.field();
    if (block.seen !== seen) block.fault('pseudo-header-after-field');
    if (block.malformed === '' && !block.tooLarge && !block.secret && !(this.referred && this.added.length > 0))
      cache.offer(tail, end, block, block.size - before, this.added, this.referred ? this.id : 0, epoch);
    return block;
  }

  private takeSizeUpdates(): void {
    while (this.pos < this.end && (this.buf[this.pos]! & 0xe0) === 0x20) this.table.resize(this.integer(31));
  }

  /** Whether the next field is a pseudo-header field, without taking it. */
  private atPseudo(): boolean {
    const p = this.pos;
    const first = this.buf[p]!;
    const mask = first >= 0x80 ? 0x7f : first >= 0x40 ? 0x3f : 0x0f;
    if (first < 0x40 && first >= 0x20) return false;
    if ((first & mask) !== 0) {
      const kind = this.table.get(this.integer(mask)).kind;
      this.pos = p;
      return kind >= KIND.method && kind <= KIND.badPseudo;
    }
    if (p + 2 >= this.end) return false;
    const letter = this.buf[p + 2]!;
    return (this.buf[p + 1]! & 0x80) === 0 ? letter === COLON : letter >> 1 === COLON_HUFFMAN;
  }

  private field(): void {
    const first = this.buf[this.pos]!;
    if (first >= 0x80) {
      const index = this.integer(0x7f);
      const e = this.lookup(index);
      block.add(e.name, e.value, e.kind, e.bad, this.limit);
      return;
    }
    if (first >= 0x40) return this.literal(0x3f, true, false);
    if (first >= 0x20) throw new HpackError('dynamic table size update after a field');
    this.literal(0x0f, false, first >= 0x10);
  }

  private lookup(index: number): Entry {
    if (index > 61) this.referred = true;
    return this.table.get(index);
  }

  private literal(mask: number, index: boolean, never: boolean): void {
    const nameIndex = this.integer(mask);
    let name: string;
    let kind: Kind;
    if (nameIndex !== 0) {
      const e = this.lookup(nameIndex);
      name = e.name;
      kind = e.kind;
    } else {
      this.string();
      name = fromLatin1(this.text, this.textStart, this.textEnd);
      kind = kindOf(name);
      if (kind === KIND.plain && !validName(this.text, this.textStart, this.textEnd)) kind = KIND.badName;
      else name = canonicalName(name);
    }
    this.string();
    const bad = !validValue(kind, this.text, this.textStart, this.textEnd);
    const value = fromLatin1(this.text, this.textStart, this.textEnd);
    if (never) {
      block.secret = true;
      sensitiveNames.note(name);
    }
    block.add(name, value, kind, bad, this.limit);
    if (!index) return;
    const entry = new Entry(name, value, kind, bad);
    this.table.add(entry);
    if (this.added === NO_ENTRIES) this.added = [entry];
    else this.added.push(entry);
  }

  /** RFC 7541 5.2; leaves the octets in text[textStart, textEnd). */
  private string(): void {
    if (this.pos >= this.end) throw new HpackError('truncated');
    const coded = this.buf[this.pos]! >= 0x80;
    const length = this.integer(0x7f);
    const start = this.pos;
    const end = start + length;
    if (end > this.end) throw new HpackError('string beyond the block');
    this.pos = end;
    if (!coded) {
      this.text = this.buf as Buffer;
      this.textStart = start;
      this.textEnd = end;
      return;
    }
    const bound = huffmanBound(length);
    if (bound > scratch.length) scratch = Buffer.allocUnsafeSlow(bound);
    this.text = scratch;
    this.textStart = 0;
    this.textEnd = huffmanDecode(this.buf, start, end, scratch);
  }

  /** RFC 7541 5.1; `mask` has the prefix's bits. */
  private integer(mask: number): number {
    let value = this.buf[this.pos++]! & mask;
    if (value < mask) return value;
    for (let shift = 0; ; shift += 7) {
      if (this.pos >= this.end) throw new HpackError('truncated');
      const octet = this.buf[this.pos++]!;
      value += (octet & 0x7f) * 2 ** shift;
      if (value > MAX_INTEGER || shift > 28) throw new HpackError('integer too large');
      if (octet < 0x80) return value;
    }
  }
}
