import { isUtf8 } from 'node:buffer';
import { WireError } from './wire-error.ts';

/** Cursor over protobuf bytes. Every method throws WireError before it reads past `end`. */
export class Reader {
  readonly #buf: Buffer;
  pos = 0;
  /** end of the message being read; `enter` narrows it */
  end: number;
  /** upper 32 bits of the varint read last */
  high = 0;

  constructor(bytes: Uint8Array) {
    this.#buf = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.end = bytes.byteLength;
  }

  #byte(): number {
    if (this.pos >= this.end) throw new WireError('truncated', 'the message ends inside a varint');
    return this.#buf[this.pos++]!;
  }

  #take(n: number): number {
    const at = this.pos;
    if (n > this.end - at) throw new WireError('truncated', `${n} bytes announced, ${this.end - at} left`);
    this.pos = at + n;
    return at;
  }

  /** Lower 32 bits, as a signed number; the upper ones are in `high`. */
  varint(): number {
    let low = 0;
    let high = 0;
    for (let shift = 0; ; shift += 7) {
      const b = this.#byte();
      if (shift === 63 && b > 1) throw new WireError('varint', 'varint of more than 64 bits');
      const bits = b & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (shift - 32);
      if (b < 0x80) {
        this.high = high;
        return low;
      }
    }
  }

  varint64(): bigint {
    const low = this.varint();
    return (BigInt(this.high >>> 0) << 32n) | BigInt(low >>> 0);
  }

  /** (field number << 3) | wire type */
  tag(): number {
    const tag = this.varint() >>> 0;
    if (this.high !== 0 || tag >>> 3 === 0) throw new WireError('tag', 'field number out of range');
    return tag;
  }

  #length(): number {
    const n = this.varint() >>> 0;
    if (this.high !== 0) throw new WireError('truncated', 'length of more than 32 bits');
    return n;
  }

  /** Narrows to the length-delimited value at the cursor; the caller puts the returned end back when it has read it. */
  enter(): number {
    const outer = this.end;
    const n = this.#length();
    if (n > outer - this.pos) throw new WireError('truncated', `${n} bytes announced, ${outer - this.pos} left`);
    this.end = this.pos + n;
    return outer;
  }

  string(): string {
    const n = this.#length();
    const at = this.#take(n);
    const slice = this.#buf.subarray(at, at + n);
    if (!isUtf8(slice)) throw new WireError('utf8', 'string that is not UTF-8');
    return slice.toString('utf8');
  }

  bytes(): Uint8Array {
    const n = this.#length();
    const at = this.#take(n);
    return new Uint8Array(this.#buf.subarray(at, at + n));
  }

  fixed32(): number {
    return this.#buf.readUInt32LE(this.#take(4));
  }

  fixed64(): bigint {
    return this.#buf.readBigUInt64LE(this.#take(8));
  }

  float(): number {
    return this.#buf.readFloatLE(this.#take(4));
  }

  double(): number {
    return this.#buf.readDoubleLE(this.#take(8));
  }

  skip(wire: number): void {
    if (wire === 0) this.varint();
    else if (wire === 1) this.#take(8);
    else if (wire === 2) this.#take(this.#length());
    else if (wire === 5) this.#take(4);
    else throw new WireError('wire-type', `wire type ${wire}`);
  }
}
