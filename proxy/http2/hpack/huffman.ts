/**
 * Huffman decoding (RFC 7541 5.2 and Appendix B) by a state machine that eats four bits a step: a state is a node of the code tree, and its
 * row says the next node and the symbol completed on the way, if any. Codes are at least five bits long, so one step completes one symbol at most.
 * Encoding is not implemented: a proxy that indexes what repeats gains nothing from it and pays for it on every literal.
 */
import { HpackError } from './error.ts';

/** Code length in bits of each octet; the last is EOS. The code is canonical: sorted by length, then by symbol, codes count upwards. */
const LENGTHS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
];
const EOS = 256;
const EMIT = 0x1000000;
const FAIL = 0x2000000;

interface Node { zero: Node | number; one: Node | number; index: number }

/** A step has the next node in bits 0..15, the symbol in 16..23, then EMIT and FAIL. `ends`: 1 for each node in which a string may end. */
interface Machine { steps: Uint32Array; ends: Uint8Array }

const MACHINE = buildMachine();

function buildMachine(): Machine {
  const nodes: Node[] = [];
  const add = (): Node => {
    const n = { zero: -1, one: -1, index: nodes.length };
    nodes.push(n);
    return n;
  };
  const root = add();
  let code = 0;
  let length = 0;
  for (const symbol of LENGTHS.map((_, i) => i).sort((a, b) => LENGTHS[a]! - LENGTHS[b]! || a - b)) {
    code *= 2 ** (LENGTHS[symbol]! - length);
    length = LENGTHS[symbol]!;
    let at = root;
    for (let bit = length - 1; bit >= 0; bit--) {
      const side = (code >>> bit) & 1 ? 'one' : 'zero';
      if (bit === 0) {
        at[side] = symbol;
      } else {
        let next = at[side];
        if (typeof next === 'number') at[side] = next = add();
        at = next;
      }
    }
    code++;
  }
  const steps = new Uint32Array(nodes.length * 16);
  for (const node of nodes) for (let bits = 0; bits < 16; bits++) steps[node.index * 16 + bits] = step(root, node, bits);
  // Padding is at most seven bits of the start of EOS, which is all ones.
  const ends = new Uint8Array(nodes.length);
  let at: Node | number = root;
  for (let ones = 0; ones <= 7 && typeof at !== 'number'; ones++, at = at.one) ends[at.index] = 1;
  return { steps, ends };
}

function step(root: Node, from: Node, bits: number): number {
  let at = from;
  let emitted = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const next = (bits >> bit) & 1 ? at.one : at.zero;
    if (next === EOS) return FAIL;
    if (typeof next === 'number') {
      emitted = EMIT | (next << 16);
      at = root;
    } else {
      at = next;
    }
  }
  return emitted | at.index;
}

/** Octets that `n` coded octets decode to at most: the shortest code has five bits. */
export function huffmanBound(n: number): number {
  return Math.ceil((n * 8) / 5);
}

/** Decodes buf[start, end) into `out` from 0 on and returns the length; `out` must have room for huffmanBound(end - start). */
export function huffmanDecode(buf: Uint8Array, start: number, end: number, out: Uint8Array): number {
  const { steps, ends } = MACHINE;
  let state = 0;
  let n = 0;
  for (let p = start; p < end; p++) {
    const octet = buf[p]!;
    let s = steps[(state << 4) | (octet >> 4)]!;
    if (s >= EMIT) {
      if (s >= FAIL) throw new HpackError('huffman string contains EOS');
      out[n++] = (s >> 16) & 255;
    }
    s = steps[((s & 0xffff) << 4) | (octet & 15)]!;
    if (s >= EMIT) {
      if (s >= FAIL) throw new HpackError('huffman string contains EOS');
      out[n++] = (s >> 16) & 255;
    }
    state = s & 0xffff;
  }
  if (ends[state] === 0) throw new HpackError('huffman string is not padded as it must be');
  return n;
}
