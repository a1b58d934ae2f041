import { ProxyError } from '../errors.ts';
import type { Wire } from '../io/wire.ts';
import type { Fields } from '../message/contract.ts';
import { HEX } from './chars.ts';
import { EXTENSION_START, extensionMayEnd, extensionStep } from './chunk-extension.ts';
import { parseFieldBlock } from './field-block.ts';
import { findHeadEnd, refuseBareLineEnds } from './head-end.ts';
import { latin1 } from './latin1.ts';
import type { Http1Limits } from './limits.ts';
import { Stash } from './stash.ts';

const SIZE = 0;
const EXTENSION = 1;
const SIZE_LF = 2;
const DATA = 3;
const DATA_CR = 4;
const DATA_LF = 5;
const TRAILERS = 6;
const DONE = 7;

/** As many digits as any size below 2^53 needs, and a few leading zeros. */
const MAX_SIZE_DIGITS = 16;

/**
 * Decoder of the chunked transfer coding (RFC 9112 7.1), fed in pieces of any size. Between calls it holds state only, no bytes,
 * except for an incomplete trailer section.
 */
export class ChunkDecoder {
  /** bytes of the current chunk's data still to come; > 0 only while the next bytes are data */
  remaining = 0;
  /** set with done: trailer fields in order without the forbidden ones, or null when there were none */
  trailers: Fields | null = null;
  private state = SIZE;
  private size = 0;
  private digits = 0;
  /** bytes of extensions so far, and the state inside the present ones */
  private extension = 0;
  private inside = 0;
  private held: Stash | null = null;
  private readonly limits: Http1Limits;
  private readonly wire: Pick<Wire, 'hold'>;

  constructor(limits: Http1Limits, wire: Pick<Wire, 'hold'>) {
    this.limits = limits;
    this.wire = wire;
  }

  /** Ready for the next message. */
  reset(): void {
    this.remaining = 0;
    this.trailers = null;
    this.state = SIZE;
    this.size = 0;
    this.digits = 0;
    this.extension = 0;
    this.held = null;
  }

  get done(): boolean {
    return this.state === DONE;
  }

  /** The caller has taken n bytes of chunk data. */
  took(n: number): void {
    this.remaining -= n;
    if (this.remaining === 0) this.state = DATA_CR;
  }

  /**
   * Reads framing at buf[p, end) and returns the index it stopped at: at chunk data (remaining > 0, use took()), after the message (done), or at `end`.
   * Throws ProxyError.
   */
  frame(buf: Buffer, p: number, end: number): number {
    while (p < end) {
      switch (this.state) {
        case SIZE: {
          const digit = HEX[buf[p]!]!;
          if (digit !== 255) {
            if (++this.digits > MAX_SIZE_DIGITS) throw bad('a chunk size has too many digits', 'chunk-size-overflow');
            this.size = this.size * 16 + digit;
            if (this.size > Number.MAX_SAFE_INTEGER) throw bad('a chunk is too large', 'chunk-size-overflow');
            p++;
            break;
          }
          if (this.digits === 0) throw bad('a chunk has no size', 'bad-chunk-size');
          if (buf[p] === 13) this.state = SIZE_LF;
          else if (buf[p] === 59) this.extend();
          else throw bad('a chunk size is not a hexadecimal number', buf[p] === 10 ? 'bare-lf' : 'bad-chunk-size');
          p++;
          break;
        }
        case EXTENSION: {
          const c = buf[p++]!;
          if (c === 13 && extensionMayEnd(this.inside)) {
            this.state = SIZE_LF;
            break;
          }
          if (++this.extension > this.limits.maxChunkExtensionBytes) throw bad('chunk extensions are too long', 'chunk-extension-too-long');
          this.inside = extensionStep(this.inside, c);
          if (this.inside === 0) throw bad('a chunk extension is malformed', c === 10 ? 'bare-lf' : 'bad-chunk-extension');
          break;
        }
        case SIZE_LF:
          if (buf[p] !== 10) throw bad('a CR inside a chunk line', 'bare-cr');
          p++;
          this.remaining = this.size;
          this.digits = 0;
          this.size = 0;
          this.state = this.remaining > 0 ? DATA : TRAILERS;
          break;
        case DATA:
          return p;
        case DATA_CR:
          if (buf[p] !== 13) throw bad('chunk data is longer than its size', 'bad-chunk-end');
          p++;
          this.state = DATA_LF;
          break;
        case DATA_LF:
          if (buf[p] !== 10) throw bad('chunk data is longer than its size', 'bad-chunk-end');
          p++;
          this.state = SIZE;
          break;
        case TRAILERS:
          return this.trailerSection(buf, p, end);
        default:
          return p;
      }
    }
    return p;
  }

  private extend(): void {
    this.state = EXTENSION;
    this.inside = EXTENSION_START;
  }

  private trailerSection(buf: Buffer, p: number, end: number): number {
    let held = this.held;
    if (held === null) {
      if (end - p >= 2 && buf[p] === 13 && buf[p + 1] === 10) {
        this.state = DONE;
        return p + 2;
      }
      held = this.held = new Stash(this.wire);
    }
    const before = held.length;
    held.append(buf, p, Math.min(end, p + this.limits.maxTrailerBytes + 1 - before));
    const b = held.buf;
    const first = held.start;
    // Only the empty line of a section without fields stands right after the last chunk's line, so it needs no line end before it.
    const empty = held.length >= 2 && b[first] === 13 && b[first + 1] === 10;
    const close = empty ? first + 2 : findHeadEnd(b, Math.max(first, first + before - 3), held.end);
    if (close < 0) {
      if (held.length > this.limits.maxTrailerBytes) throw bad('the trailer section is too large', 'trailers-too-large');
      refuseBareLineEnds(b, first, first + before, held.end);
      return end;
    }
    if (close - first > 2) {
      const fields = parseFieldBlock(b, first, close, latin1(b, first, close), 'trailers', this.limits.maxFields).fields;
      if (fields.length > 0) this.trailers = fields;
    }
    held.clear();
    this.held = null;
    this.state = DONE;
    return p + (close - first) - before;
  }
}

const bad = (text: string, reason: string): ProxyError => new ProxyError('BAD_REQUEST', text, reason);
