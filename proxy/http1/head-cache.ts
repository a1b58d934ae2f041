import { latin1 } from './latin1.ts';
import type { Http1Limits } from './limits.ts';
import { FieldBlock, parseFieldBlock } from './field-block.ts';
import { share } from '../message/shared.ts';

/** Bytes of keys in each of the two generations. */
const GENERATION_BYTES = 96 * 1024;
const MAX_BLOCK_BYTES = 4096;
const SEEN_SLOTS = 2048;
/** Blocks that came last, by their length; longer ones are not among them. */
const RECENT_SLOTS = 64;
const MAX_RECENT_BYTES = 1024;

interface Recent { bytes: Buffer; block: FieldBlock }

/**
 * Parsed field blocks by their raw bytes. A client repeats its field lines with every request, so most blocks need no parsing. The request line is not part of the
 * key (paths are endless), nor is a block with credentials kept. A block is admitted when it is seen for the second time, so unique ones
 * cost a hash and no memory; two generations bound the bytes and let go of what is no longer used. The last ones are compared as bytes, which makes no string.
 */
export class HeadCache {
  private young = new Map<string, FieldBlock>();
  private old = new Map<string, FieldBlock>();
  private bytes = 0;
  private readonly seen = new Uint32Array(SEEN_SLOTS);
  private readonly recent: (Recent | null)[] = Array.from({ length: RECENT_SLOTS }, () => null);

  /** The block in buf[start, end): field lines and the empty line after them. */
  get(buf: Buffer, start: number, end: number, limits: Http1Limits): FieldBlock {
    const n = end - start;
    const last = this.recent[n % RECENT_SLOTS]!;
    if (last !== null && last.bytes.length === n && buf.compare(last.bytes, 0, n, start, end) === 0) return last.block;
    const text = latin1(buf, start, end);
    if (n > MAX_BLOCK_BYTES) return parseFieldBlock(buf, start, end, text, 'head', limits.maxFields);
    const hit = this.young.get(text);
    if (hit !== undefined) {
      if (n <= MAX_RECENT_BYTES) this.remember(buf, start, n, hit);
      return hit;
    }
    const aged = this.old.get(text);
    if (aged !== undefined) {
      this.keep(text, aged);
      return aged;
    }
    const block = parseFieldBlock(buf, start, end, text, 'head', limits.maxFields);
    if (!block.secret && this.secondSight(buf, start, end)) {
      share(block.fields);
      this.keep(text, block);
    }
    return block;
  }

  private remember(buf: Buffer, start: number, n: number, block: FieldBlock): void {
    const slot = n % RECENT_SLOTS;
    let entry = this.recent[slot]!;
    if (entry === null || entry.bytes.length !== n) this.recent[slot] = entry = { bytes: Buffer.allocUnsafeSlow(n), block };
    buf.copy(entry.bytes, 0, start, start + n);
    entry.block = block;
  }

  get size(): number {
    return this.young.size + this.old.size;
  }

  private keep(text: string, block: FieldBlock): void {
    if (this.bytes + text.length > GENERATION_BYTES) {
      this.old = this.young;
      this.young = new Map();
      this.bytes = 0;
    }
    this.young.set(text, block);
    this.bytes += text.length;
  }

  /** A false positive admits a block early, nothing worse. */
  private secondSight(buf: Buffer, start: number, end: number): boolean {
    let h = end - start;
    for (let i = start; i < end; i++) h = (Math.imul(h, 0x01000193) ^ buf[i]!) | 0;
    h ^= h >>> 15;
    const slot = (h >>> 0) % SEEN_SLOTS;
    if (this.seen[slot] === h >>> 0) return true;
    this.seen[slot] = h >>> 0;
    return false;
  }
}

/** One for the process: heads come in through both roles, and connections of one client share them. */
export const HEADS = new HeadCache();
