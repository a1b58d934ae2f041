import { mutate } from './mutate.ts';
import { Random } from './random.ts';
import type { Target } from './target.ts';

export interface Failure { input: Buffer; error: Error }
export interface Outcome { runs: number; outcomes: ReadonlySet<string>; failure: Failure | null }

/** Inputs kept for mutating because their outcome was new. */
const MAX_POOL = 2000;

/**
 * Runs the saved inputs and then mutations of them, until `more` says no or an input fails. There is no coverage to go by: an outcome that was not seen before
 * takes its place.
 */
export async function fuzz(target: Target, saved: readonly Buffer[], seed: number, more: (runs: number) => boolean): Promise<Outcome> {
  const random = new Random(seed);
  const pool = [...await target.seeds(), ...saved];
  const outcomes = new Set<string>();
  let runs = 0;
  const one = async (input: Buffer): Promise<Failure | null> => {
    runs++;
    try {
      const outcome = await target.run(Buffer.from(input), random);
      if (outcomes.has(outcome)) return null;
      outcomes.add(outcome);
      if (pool.length < MAX_POOL) pool.push(input);
      return null;
    } catch (e) {
      return { input, error: e instanceof Error ? e : new Error(String(e)) };
    }
  };
  for (let i = 0, given = pool.length; i < given; i++) {
    const failure = await one(pool[i]!);
    if (failure !== null) return { runs, outcomes, failure };
  }
  while (more(runs)) {
    const failure = await one(mutate(random.pick(pool), pool, target.words, random));
    if (failure !== null) return { runs, outcomes, failure };
  }
  return { runs, outcomes, failure: null };
}

/** A smaller input that fails too: parts are left out as long as something still breaks. */
export async function shrink(target: Target, failure: Failure): Promise<Failure> {
  let best = failure;
  for (let size = best.input.length >> 1; size > 0; size = size > 1 ? size >> 1 : 0) {
    for (let at = 0; at + size <= best.input.length;) {
      const input = Buffer.concat([best.input.subarray(0, at), best.input.subarray(at + size)]);
      try {
        await target.run(Buffer.from(input), new Random(1));
        at += size;
      } catch (e) {
        best = { input, error: e as Error };
      }
    }
  }
  return best;
}
