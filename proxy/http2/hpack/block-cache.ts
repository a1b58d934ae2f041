/**
 * Decoded header blocks by their octets, without their pseudo-header fields: what one client sends with every request (and one server with every
 * response) is decoded and checked once. It is worth a fifth of the time of a small exchange (docs/performance.md).
 *
 * A block may insert into the dynamic table or refer to it, not both: if it refers, the result holds for one decoder while its table stays
 * as it is; if it inserts, the insertions are done again at each use. Blocks with secrets are not kept. A block is
 * kept when it is seen the second time, so that those with a value of their own (a trace id) cost a hash and nothing more.
 */
import type { Fields } from '../../message/contract.ts';
import { share } from '../../message/shared.ts';
import type { HeaderBlock } from './block.ts';
import type { Entry } from './dynamic-table.ts';

const SLOTS = 512;
const SEEN_SLOTS = 2048;
const MAX_OCTETS = 512;
/** Most octets of names and values that one kept block may have: SLOTS of them bound the cache to 2 MiB. */
const MAX_SIZE = 4096;
const EMPTY = Buffer.alloc(0);

/** Octets as 32-bit words, the last filled up with zeros: a quarter of the steps for what is hashed and compared with every block. */
class Octets {
  readonly words: Int32Array;
  readonly length: number;
  constructor(view: DataView, start: number, end: number) {
    this.length = end - start;
    this.words = new Int32Array((this.length + 3) >> 2);
    for (let i = 0, p = start; p < end; i++, p += 4) this.words[i] = word(view, p, end);
  }

  equal(view: DataView, start: number, end: number): boolean {
    if (this.length !== end - start) return false;
    const { words } = this;
    for (let i = 0, p = start; p < end; i++, p += 4) if (words[i] !== word(view, p, end)) return false;
    return true;
  }
}

function word(view: DataView, p: number, end: number): number {
  if (end - p >= 4) return view.getInt32(p, true);
  let w = 0;
  for (let shift = 0, q = p; q < end; q++, shift += 8) w |= view.getUint8(q) << shift;
  return w;
}

class Kept {
  readonly hash: number;
  /** decoder that it holds for, 0 for any */
  readonly owner: number;
  readonly epoch: number;
  readonly octets: Octets;
  readonly fields: Fields;
  readonly host: string;
  readonly contentLength: number;
  readonly size: number;
  readonly added: Entry[];
  constructor(hash: number, owner: number, epoch: number, octets: Octets, block: HeaderBlock, size: number, added: Entry[]) {
    this.hash = hash;
    this.owner = owner;
    this.epoch = epoch;
    this.octets = octets;
    this.fields = block.fields;
    share(block.fields);
    this.host = block.host;
    this.contentLength = block.contentLength;
    this.size = size;
    this.added = added;
  }

  copyTo(block: HeaderBlock, limit: number): void {
    block.size += this.size;
    if (block.size > limit) {
      block.tooLarge = true;
      return;
    }
    block.fields = this.fields;
    block.host = this.host;
    block.contentLength = this.contentLength;
  }
}

export class BlockCache {
  private readonly slots: (Kept | null)[] = Array.from<null>({ length: SLOTS }).fill(null);
  private readonly seen = new Int32Array(SEEN_SLOTS);
  private hash = 0;
  /** a view of the last buffer: nearly always the one that everything is read into */
  private buf: Buffer = EMPTY;
  private view: DataView = new DataView(EMPTY.buffer);

  find(buf: Buffer, start: number, end: number, owner: number, epoch: number): Kept | null {
    if (end - start > MAX_OCTETS) return null;
    if (this.buf !== buf) {
      this.buf = buf;
      this.view = new DataView(buf.buffer, buf.byteOffset, buf.length);
    }
    const { view } = this;
    const hash = (this.hash = hashOf(view, start, end));
    const shared = this.slots[hash & (SLOTS - 1)]!;
    if (shared !== null && shared.hash === hash && shared.owner === 0 && shared.octets.equal(view, start, end)) return shared;
    const own = this.slots[mix(hash, owner) & (SLOTS - 1)]!;
    if (own !== null && own.hash === hash && own.owner === owner && own.epoch === epoch && own.octets.equal(view, start, end)) return own;
    return null;
  }

  /** To be called after a find() of the same octets that found nothing. `owner` is 0 if nothing refers to a dynamic table. */
  offer(start: number, end: number, block: HeaderBlock, size: number, added: Entry[], owner: number, epoch: number): void {
    if (end - start > MAX_OCTETS || size > MAX_SIZE) return;
    const place = owner === 0 ? this.hash : mix(this.hash, owner);
    const mark = place & (SEEN_SLOTS - 1);
    if (this.seen[mark] !== place) {
      this.seen[mark] = place;
      return;
    }
    this.slots[place & (SLOTS - 1)] = new Kept(this.hash, owner, epoch, new Octets(this.view, start, end), block, size, added);
  }
}

function mix(hash: number, owner: number): number {
  return Math.imul(hash ^ owner, 0x9e3779b1) ^ (hash >>> 15);
}

function hashOf(view: DataView, start: number, end: number): number {
  let h = end - start;
  for (let p = start; p < end; p += 4) h = Math.imul(h ^ word(view, p, end), 0x85ebca6b) ^ (h >>> 13);
  return Math.imul(h ^ (h >>> 16), 0xc2b2ae35) | 0;
}
