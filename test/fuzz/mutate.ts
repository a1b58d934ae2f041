import type { Random } from './random.ts';

/** Bytes at which parsers change their mind. */
const BYTES = [0, 1, 9, 10, 13, 32, 34, 37, 44, 45, 48, 49, 57, 58, 59, 65, 97, 102, 127, 128, 192, 255];
const MAX_LENGTH = 200_000;

/** Applies one to eight small changes: the dictionary's words and other inputs' parts are put where they may do harm. */
export function mutate(input: Buffer, others: readonly Buffer[], words: readonly Buffer[], random: Random): Buffer {
  let b: Buffer = Buffer.from(input);
  for (let n = 1 + random.below(random.below(8) + 1); n > 0; n--) b = once(b, others, words, random);
  return b.length > MAX_LENGTH ? b.subarray(0, MAX_LENGTH) : b;
}

function once(b: Buffer, others: readonly Buffer[], words: readonly Buffer[], random: Random): Buffer {
  const at = random.below(b.length + 1);
  const span = 1 + random.below(random.below(3) === 0 ? 64 : 6);
  const rest = Math.min(b.length, at + span);
  switch (random.below(10)) {
    case 0:
      if (at < b.length) b[at]! ^= 1 << random.below(8);
      return b;
    case 1:
      if (at < b.length) b[at] = random.pick(BYTES);
      return b;
    case 2: return Buffer.concat([b.subarray(0, at), b.subarray(rest)]);
    case 3: return Buffer.concat([b.subarray(0, rest), b.subarray(at)]);
    case 4: case 5: return splice(b, at, at, words.length > 0 ? random.pick(words) : Buffer.from([random.pick(BYTES)]));
    case 6: return splice(b, at, rest, words.length > 0 ? random.pick(words) : Buffer.from([random.pick(BYTES)]));
    case 7: {
      const other = random.pick(others);
      const from = random.below(other.length + 1);
      return splice(b, at, random.below(2) === 0 ? at : b.length, other.subarray(from, from + 1 + random.below(200)));
    }
    case 8: return number(b, at, random);
    default: return random.below(4) === 0 ? b.subarray(0, at) : splice(b, at, at, Buffer.alloc(1 + random.below(300), random.pick(BYTES)));
  }
}

function splice(b: Buffer, from: number, to: number, what: Uint8Array): Buffer {
  return Buffer.concat([b.subarray(0, from), what, b.subarray(to)]);
}

/** Lengths are where most parsers err: a number of one to four bytes becomes another near it, or near a bound. */
function number(b: Buffer, at: number, random: Random): Buffer {
  const size = 1 + random.below(4);
  if (at + size > b.length) return b;
  const old = b.readUIntBE(at, size);
  const top = 2 ** (8 * size) - 1;
  const value = random.pick([0, 1, old - 1, old + 1, old * 2, b.length, b.length - at, b.length - at - size, top, top >>> 1, 16384, 16385]);
  b.writeUIntBE(Math.min(top, Math.max(0, Math.floor(value))), at, size);
  return b;
}
