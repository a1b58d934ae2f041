/** Growing protobuf buffer. Values are checked by the caller. */
export class Writer {
  #buf = Buffer.allocUnsafe(256);
  #pos = 0;

  #room(n: number): number {
    const at = this.#pos;
    if (at + n > this.#buf.length) {
      const wider = Buffer.allocUnsafe(Math.max(this.#buf.length * 2, at + n));
      this.#buf.copy(wider, 0, 0, at);
      this.#buf = wider;
    }
    this.#pos = at + n;
    return at;
  }

  /** 0 to 2^32 - 1; a tag may come as a negative number. */
  varint(value: number): void {
    let v = value >>> 0;
    let at = this.#room(5);
    while (v > 0x7f) {
      this.#buf[at++] = (v & 0x7f) | 0x80;
      v >>>= 7;
    }
    this.#buf[at++] = v;
    this.#pos = at;
  }

  /** int32: negative numbers take ten bytes, sign-extended. */
  signed(value: number): void {
    if (value >= 0) this.varint(value);
    else this.varint64(BigInt.asUintN(64, BigInt(value)));
  }

  varint64(value: bigint): void {
    let v = value;
    let at = this.#room(10);
    while (v > 0x7fn) {
      this.#buf[at++] = Number(v & 0x7fn) | 0x80;
      v >>= 7n;
    }
    this.#buf[at++] = Number(v);
    this.#pos = at;
  }

  fixed32(value: number): void {
    const at = this.#room(4);
    this.#buf.writeUInt32LE(value, at);
  }

  fixed64(value: bigint): void {
    const at = this.#room(8);
    this.#buf.writeBigUInt64LE(value, at);
  }

  float(value: number): void {
    const at = this.#room(4);
    this.#buf.writeFloatLE(value, at);
  }

  double(value: number): void {
    const at = this.#room(8);
    this.#buf.writeDoubleLE(value, at);
  }

  string(value: string): void {
    const n = Buffer.byteLength(value);
    this.varint(n);
    const at = this.#room(n);
    this.#buf.write(value, at, n, 'utf8');
  }

  bytes(value: Uint8Array): void {
    this.varint(value.length);
    const at = this.#room(value.length);
    this.#buf.set(value, at);
  }

  /** Begins a length-delimited value with room for a one-byte length, which is what most messages need; `close` moves longer ones. */
  open(): number {
    return this.#room(1) + 1;
  }

  close(start: number): void {
    const n = this.#pos - start;
    if (n < 0x80) {
      this.#buf[start - 1] = n;
      return;
    }
    const more = n < 0x4000 ? 1 : n < 0x200000 ? 2 : n < 0x10000000 ? 3 : 4;
    this.#room(more);
    this.#buf.copyWithin(start + more, start, start + n);
    this.#pos = start - 1;
    this.varint(n);
    this.#pos = start + more + n;
  }

  finish(): Buffer {
    return this.#buf.subarray(0, this.#pos);
  }
}
