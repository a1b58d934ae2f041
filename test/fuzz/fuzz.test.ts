import assert from 'node:assert/strict';
import { load } from './corpus.ts';
import { fuzz } from './engine.ts';
import { TARGETS } from './targets.ts';

/** Mutations beyond the saved inputs: enough to notice that a parser has come apart, in little time. `npm run fuzz` goes on from there. */
const MUTATIONS = 400;

describe('fuzz: saved inputs and a few mutations', () => {
  for (const target of TARGETS) {
    it(target.name, async () => {
      const saved = load(target.name);
      assert.ok(saved.length > 0, 'the target has no corpus');
      const { failure } = await fuzz(target, saved.map((s) => s.bytes), 7, (runs) => runs < saved.length + MUTATIONS);
      if (failure !== null) throw new Error(`${failure.error.message}\ninput: ${JSON.stringify(failure.input.toString('latin1'))}`, { cause: failure.error });
    });
  }
});
