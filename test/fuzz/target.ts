import type { Random } from './random.ts';

/** One parser under test. */
export interface Target {
  readonly name: string;
  /** inputs to begin with, besides the corpus */
  seeds(): readonly Buffer[] | Promise<readonly Buffer[]>;
  /** words of the format, for mutations */
  readonly words: readonly Buffer[];
  /**
   * Feeds one input and checks what has to hold for every input; throws when it does not. Returns a word for what became of it: an input with
   * a new outcome is worth mutating further.
   */
  run(input: Buffer, random: Random): string | Promise<string>;
}

export const text = (...list: string[]): Buffer[] => list.map((s) => Buffer.from(s, 'latin1'));
export const hex = (...list: string[]): Buffer[] => list.map((s) => Buffer.from(s.replaceAll(/\s/g, ''), 'hex'));
