import assert from 'node:assert/strict';
import { readHeld } from './read-held.ts';

describe('what a socket holds', () => {
  const holding = (...pieces: string[]): { readonly readableLength: number; read(): Buffer | null } => ({
    get readableLength() { return pieces.join('').length; },
    read: () => (pieces.length === 0 ? null : Buffer.from(pieces.shift()!)),
  });

  it('is read whole, in however many pieces the runtime gives it', () => {
    assert.equal(readHeld(holding()), null);
    assert.equal(readHeld(holding('one'))!.toString(), 'one');
    const three = holding('one', ' two', ' three');
    assert.equal(readHeld(three)!.toString(), 'one two three');
    assert.equal(three.readableLength, 0);
  });
});
