import assert from 'node:assert/strict';
import { ResponseHead } from '../message/contract.ts';
import { FLAG, FRAME_MAX, SETTING, TYPE } from './frames.ts';
import { LIMITS } from './options.ts';
import { type RawPeer, type RawServer, contentOf, frame, rawServer, respond, settings, settle, u32 } from './raw.testkit.ts';
import { held } from '../io/held.ts';

const { endHeaders } = FLAG;

describe('http2 server: peers that stop half way', () => {
  const PROGRESS_MS = LIMITS.progressTimeoutMs;
  const post = (p: RawPeer, id: number, extra: string[] = []): Buffer => p.request(id, endHeaders, extra, 'POST');

  it('resets a stream whose body does not go on, and no other', async () => {
    const { peer, exchanges } = await rawServer();
    await peer.send(post(peer, 1), post(peer, 3), post(peer, 5, ['content-type', 'application/grpc']), post(peer, 7), peer.request(9));
    exchanges[3]!.client!.head(new ResponseHead(200, []));
    peer.clock.advance(PROGRESS_MS);
    await peer.send(frame(TYPE.data, 0, 1, Buffer.alloc(100)), frame(TYPE.data, 0, 3, Buffer.alloc(1500)));
    peer.clock.advance(PROGRESS_MS);
    const frames = await peer.frames();
    assert.deepEqual(frames.filter((f) => f.type === TYPE.rstStream).map((f) => f.id), [1]);
    assert.deepEqual(peer.counted, ['body-timeout']);
    assert.deepEqual(exchanges.map((e) => e.events.at(-1)), ['reset cancel', 'data 1500', undefined, undefined, undefined]);
    respond(exchanges[1]!, 200, 'others are served');
    assert.equal(contentOf(await peer.frames(), 3).toString(), 'others are served');
  });

  it('does not hold a client to content that it has no window for', async () => {
    const { peer, exchanges } = await rawServer((r) => { r.eager = false; });
    await peer.send(post(peer, 1), ...Array.from({ length: 16 }, () => frame(TYPE.data, 0, 1, Buffer.alloc(FRAME_MAX))));
    peer.clock.advance(3 * PROGRESS_MS);
    assert.deepEqual(peer.counted, []);
    assert.equal(exchanges[0]!.events.length, 16);
  });

  it('resets a stream whose window does not open, and no other', async () => {
    const { peer, exchanges, connection } = await rawServer((r) => respond(r, 200, Buffer.alloc(100_000)), {}, {}, settings([SETTING.initialWindowSize, 10]));
    await peer.send(peer.request(1), peer.request(3));
    peer.clock.advance(PROGRESS_MS);
    await peer.send(frame(TYPE.windowUpdate, 0, 1, u32(100)), frame(TYPE.windowUpdate, 0, 3, u32(2000)));
    peer.clock.advance(PROGRESS_MS);
    const frames = await peer.frames();
    assert.deepEqual(frames.filter((f) => f.type === TYPE.rstStream).map((f) => f.id), [1]);
    assert.deepEqual(peer.counted, ['peer-not-reading']);
    assert.equal(exchanges[0]!.events.at(-1), 'reset cancel');
    assert.equal(connection.active, 1);
    connection.destroy();
    assert.equal(peer.wire.held, 0);
  });

  it('many with half a header block each are held to the cap of the process', async () => {
    const servers: RawServer[] = [];
    for (let i = 0; i < 1000; i++) {
      const s = await rawServer();
      servers.push(s);
      s.peer.socket.push(Buffer.concat([s.peer.request(1, 0), ...Array.from({ length: 4 }, () => frame(TYPE.continuation, 0, 1, Buffer.alloc(15_000)))]));
    }
    await settle();
    const most = held.total;
    const shed = servers.filter((s) => s.peer.counted.includes('memory-cap'));
    const other = await rawServer((r) => respond(r, 200, 'served'));
    const answer = await other.peer.send(other.peer.request(1));
    for (const s of [...servers, other]) s.connection.destroy();
    await settle();
    assert.ok(most <= held.limit, `${most} bytes held`);
    assert.ok(shed.length > 50 && shed.length < 500, `${shed.length} were shed`);
    assert.equal(contentOf(answer, 1).toString(), 'served');
  });
});
