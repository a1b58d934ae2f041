/** SETTINGS that change while requests run (RFC 9113 6.5, 6.9.2; RFC 7541 4.2). */
import assert from 'node:assert/strict';
import { ResponseHead } from '../message/contract.ts';
import { CODE, FLAG, FRAME_MAX, SETTING, TYPE } from './frames.ts';
import { Decoder } from './hpack/decoder.ts';
import { contentOf, frame, goawayCode, rawServer, respond, settings, u32 } from './raw.testkit.ts';

const { ack, endHeaders, endStream } = FLAG;

describe('http2: settings that change', () => {
  it('a table made smaller, gone, and back: blocks say so and refer to nothing that is not there', async () => {
    const { peer, exchanges } = await rawServer((r) => {
      r.client!.head(new ResponseHead(200, ['x-again', 'the same value each time', 'server', 'a server']));
      r.client!.end(null);
    });
    const decoder = new Decoder(1 << 16);
    const ask = async (id: number, ...before: Buffer[]): Promise<Buffer> => {
      peer.socket.push(Buffer.concat([...before, peer.request(id)]));
      for (let i = 0; i < 6; i++) await new Promise<void>((done) => { setImmediate(done); });
      const bytes = Buffer.concat(peer.socket.written);
      peer.socket.written = [];
      for (let at = 0; at < bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
        if (bytes[at + 3] !== TYPE.headers) continue;
        const block = bytes.subarray(at + 9, at + 9 + bytes.readUIntBE(at, 3));
        assert.deepEqual(decoder.decode(block, 0, block.length).fields, ['x-again', 'the same value each time', 'server', 'a server']);
        return block;
      }
      throw new Error('no response');
    };
    const first = await ask(1);
    const second = await ask(3);
    assert.ok(second.length < first.length, 'the second refers to the first');
    const without = await ask(5, settings([SETTING.headerTableSize, 0]));
    assert.equal(without[0], 0x20);
    assert.ok(without.length > second.length);
    assert.equal((await ask(7)).length, without.length - 1);
    const back = await ask(9, settings([SETTING.headerTableSize, 4096]));
    assert.equal(back[0]! & 0xe0, 0x20);
    assert.ok((await ask(11)).length < without.length);
    // Down and up again between two blocks: the lowest has to be said (RFC 7541 4.2).
    const both = await ask(13, settings([SETTING.headerTableSize, 0]), settings([SETTING.headerTableSize, 100]));
    assert.deepEqual([both[0], both[1]! & 0xe0], [0x20, 0x20]);
    assert.equal(exchanges.length, 7);
    assert.deepEqual(peer.counted, []);
  });

  it('a window made smaller than what is out: nothing is sent until it is positive again', async () => {
    const { peer } = await rawServer((r) => respond(r, 200, Buffer.alloc(5000, 1)), {}, {}, settings([SETTING.initialWindowSize, 1000]));
    assert.equal(contentOf(await peer.send(peer.request(1)), 1).length, 1000);
    const shrunk = await peer.send(settings([SETTING.initialWindowSize, 100]), frame(TYPE.windowUpdate, 0, 1, u32(900)));
    assert.deepEqual(shrunk.map((f) => [f.type, f.flags]), [[TYPE.settings, ack]]);
    assert.equal(contentOf(await peer.send(frame(TYPE.windowUpdate, 0, 1, u32(10))), 1).length, 10);
    const grown = await peer.send(settings([SETTING.initialWindowSize, 65_535]));
    assert.equal(contentOf(grown, 1).length, 3990);
    assert.equal(grown.at(-1)!.flags & endStream, endStream);
  });

  it('larger frames allowed: none is sent, none is taken', async () => {
    const { peer } = await rawServer((r) => respond(r, 200, Buffer.alloc(60_000)), {}, {}, settings([SETTING.maxFrameSize, 0xffffff]));
    const frames = await peer.send(peer.request(1));
    assert.ok(frames.every((f) => f.payload.length <= FRAME_MAX));
    assert.equal(contentOf(frames, 1).length, 60_000);
    assert.equal(goawayCode(await peer.send(peer.request(3, endHeaders, [], 'POST'), frame(TYPE.data, 0, 3, Buffer.alloc(FRAME_MAX + 1)))), CODE.frameSize);
  });

  it('priorities of both kinds are read and change nothing', async () => {
    const { peer, exchanges } = await rawServer((r) => respond(r, 200, 'ok'));
    const update = frame(16, 0, 0, Buffer.concat([u32(1), Buffer.from('u=0')]));
    const frames = await peer.send(settings([9, 1]), update, frame(TYPE.priority, 0, 3, Buffer.from([0, 0, 0, 1, 255])), peer.request(1, endHeaders | endStream, ['priority', 'u=1, i']));
    assert.equal(contentOf(frames, 1).toString(), 'ok');
    assert.deepEqual(exchanges[0]!.head_!.fields, ['priority', 'u=1, i']);
    assert.deepEqual(peer.counted, []);
  });
});
