import assert from 'node:assert/strict';
import { ResetMemory } from './reset-memory.ts';

describe('http2: ResetMemory', () => {
  it('never takes a stream that was reset for one that was not, however many there were', () => {
    const memory = new ResetMemory();
    for (let id = 1; id < 9000; id += 4) memory.add(id);
    for (let id = 1; id < 9000; id += 4) assert.ok(memory.has(id));
    assert.ok(!memory.has(8995));
    assert.ok(!memory.has(9001));
  });
});
