import type { Wire } from '../io/wire.ts';

/** Bytes that a peer has to move in each period to count as alive: slower than any real network, fast enough to end. */
const MIN_PROGRESS = 1024;

/**
 * Tells whether a peer that owes bytes, or has bytes to take, does so at all. Asked at every tick of the sweeper, it costs two subtractions.
 */
export class Stall {
  private readonly wire: Wire;
  private readonly timeoutMs: number;
  /** what had moved when the present period began, -1 outside of one */
  private reading = -1;
  private writing = -1;
  private readingSince = 0;
  private writingSince = 0;

  constructor(wire: Wire, timeoutMs: number) {
    this.wire = wire;
    this.timeoutMs = timeoutMs;
  }

  /** True when the peer has not sent MIN_PROGRESS bytes for the whole timeout. `owes`: the peer has more to send and may send it. */
  notSending(now: number, owes: boolean): boolean {
    if (!owes) {
      this.reading = -1;
      return false;
    }
    const { readBytes } = this.wire;
    if (this.reading < 0 || readBytes - this.reading >= MIN_PROGRESS) {
      this.reading = readBytes;
      this.readingSince = now;
    }
    return now - this.readingSince >= this.timeoutMs;
  }

  /** True when there have been bytes for the peer, and it has not taken any, for the whole timeout. */
  notTaking(now: number): boolean {
    const { wire } = this;
    if (wire.unsent === 0) {
      this.writing = -1;
      return false;
    }
    const taken = wire.writtenBytes - wire.unsent;
    if (this.writing < 0 || taken > this.writing) {
      this.writing = taken;
      this.writingSince = now;
    }
    return now - this.writingSince >= this.timeoutMs;
  }
}
