/** A small seeded generator (xorshift32): the same seed gives the same run anywhere. Good enough to choose mutations, for nothing else. */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = (seed ^ 0x9e3779b9) | 0 || 1;
    for (let i = 0; i < 8; i++) this.next();
  }

  /** 32 bits, unsigned */
  next(): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x;
    return x >>> 0;
  }

  /** 0 <= result < n */
  below(n: number): number {
    return this.next() % n;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** Positions that cut `length` bytes into up to `most` + 1 pieces, ascending. */
  cuts(length: number, most = 12): number[] {
    return Array.from({ length: this.below(most + 1) }, () => this.below(length + 1)).sort((a, b) => a - b);
  }
}
