import assert from 'node:assert/strict';
import { settle, type RawServer } from '../../../proxy/http2/raw.testkit.ts';

/** A stream may have a window of content waiting, but what is exchanged here are a few octets. */
const MAX_HELD = 256 * 1024;

/** Gives a connection its input in pieces, each when the one before has been worked on, and looks that memory stays bounded. */
export async function feedPieces(peer: RawServer['peer'], input: Buffer, cuts: readonly number[]): Promise<void> {
  let from = 0;
  for (const cut of [...cuts, input.length]) {
    if (!peer.socket.destroyed) peer.socket.push(input.subarray(from, cut));
    from = cut;
    await new Promise<void>((done) => { setImmediate(done); });
    assert.ok(peer.wire.held <= MAX_HELD, `${peer.wire.held} bytes held`);
  }
  await settle();
}
