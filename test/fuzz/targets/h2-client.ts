/** Frames from a server: pieces do not matter, every exchange has an end, memory is bounded. */
import assert from 'node:assert/strict';
import { rawClient, settings, settle } from '../../../proxy/http2/raw.testkit.ts';
import { RequestHead } from '../../../proxy/message/contract.ts';
import type { Target } from '../target.ts';
import { responseFrames, words } from './h2-frames.ts';
import { feedPieces } from './h2-pieces.ts';

async function feed(input: Buffer, cuts: readonly number[]): Promise<{ events: string[][]; counted: string[] }> {
  const client = rawClient();
  const { peer, connection } = client;
  const answers = [client.start(new RequestHead('GET', 'http', 'a', '/', [])), client.start(new RequestHead('POST', 'http', 'a', '/', []), false)];
  peer.socket.push(settings());
  await feedPieces(peer, input, cuts);
  const counted = [...peer.counted];
  const events = answers.map((a) => [a.body, ...a.events.filter((e) => !e.startsWith('data '))]);
  peer.socket.destroy();
  await settle();
  for (const a of answers) assert.ok(a.events.some((e) => e.startsWith('end') || e.startsWith('reset')), `an exchange has no end: ${a.events.join()}`);
  assert.deepEqual(peer.bugs, []);
  assert.equal(peer.wire.held, 0, 'memory held after the end');
  assert.equal(connection.active, 0);
  return { events, counted };
}

export const h2Client: Target = {
  name: 'h2-client',
  words,
  seeds: () => responseFrames,
  async run(input, random) {
    const whole = await feed(input, []);
    assert.deepEqual(await feed(input, random.cuts(input.length)), whole, 'other pieces, another result');
    return `${[...new Set(whole.counted)].join()} ${whole.events.map((e) => e.slice(1).join('/').replaceAll(/[^a-z/ 0-9]/g, '').slice(0, 40)).join()}`;
  },
};
