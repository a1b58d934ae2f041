/** Splits what arrives on a byte stream into lines without their line end (LF or CRLF). */
export class Lines {
  #rest = '';
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  /** The lines completed by `chunk`; throws RangeError when a line is longer than the bound. */
  push(chunk: Buffer): string[] {
    const parts = (this.#rest + chunk.toString('latin1')).split('\n');
    this.#rest = parts.pop()!;
    if (this.#rest.length > this.#max || parts.some((p) => p.length > this.#max)) throw new RangeError(`a line is longer than ${this.#max} bytes`);
    return parts.map((p) => (p.endsWith('\r') ? p.slice(0, -1) : p));
  }
}
