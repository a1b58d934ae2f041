/** One header block from its HEADERS and CONTINUATION frames (RFC 9113 4.3, 6.2, 6.10). */
import type { Wire } from '../io/wire.ts';
import { CODE, ConnectionError } from './frames.ts';

/** Compressed octets beyond the limit of the list that a block may have: indexing makes blocks smaller than lists, so it hardly needs any. */
const SLACK = 4096;
const NONE = Buffer.alloc(0);

export class HeaderAssembler {
  /** stream whose block is being received, 0 for none */
  id = 0;
  ends = false;
  selfDependent = false;
  private block: Buffer = NONE;
  private length = 0;
  private frames = 0;
  private readonly maxOctets: number;
  private readonly maxFrames: number;
  private readonly wire: Pick<Wire, 'hold'>;

  constructor(wire: Pick<Wire, 'hold'>, maxHeaderListSize: number, maxContinuations: number) {
    this.wire = wire;
    this.maxOctets = maxHeaderListSize + SLACK;
    this.maxFrames = maxContinuations;
  }

  open(id: number, ends: boolean, selfDependent: boolean, buf: Buffer, start: number, end: number): void {
    this.id = id;
    this.ends = ends;
    this.selfDependent = selfDependent;
    this.frames = this.length = 0;
    this.append(buf, start, end);
  }

  continue(buf: Buffer, start: number, end: number): void {
    if (++this.frames > this.maxFrames) throw new ConnectionError(CODE.enhanceYourCalm, 'continuation-flood');
    this.append(buf, start, end);
  }

  /** The whole block; the caller has it to itself. */
  close(): Buffer {
    const whole = this.block.subarray(0, this.length);
    this.wire.hold(-this.block.length);
    this.block = NONE;
    this.id = 0;
    return whole;
  }

  private append(buf: Buffer, start: number, end: number): void {
    const length = this.length + end - start;
    if (length > this.maxOctets) throw new ConnectionError(CODE.enhanceYourCalm, 'header-block-too-large');
    if (length > this.block.length) {
      const larger = Buffer.allocUnsafe(Math.min(this.maxOctets, Math.max(length, 2 * this.block.length)));
      this.block.copy(larger, 0, 0, this.length);
      this.wire.hold(larger.length - this.block.length);
      this.block = larger;
    }
    buf.copy(this.block, this.length, start, end);
    this.length = length;
  }
}
