/** Whatever bytes come, a codec ends the connection or goes on: it never throws, hangs, or leaves a stream or its service without an end. */
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { RequestHead, WINDOW } from '../message/contract.ts';
import { FLAG, PREFACE, SETTING, TYPE } from './frames.ts';
import { RawPeer, type RawServer, type Recorder, frame, rawClient, rawServer, respond, settings, settle, u32 } from './raw.testkit.ts';

const id = fc.constantFrom(0, 1, 1, 3, 3, 5, 2, 7, 0x7fffffff);
const number = fc.oneof(fc.constantFrom(0, 1, 8, WINDOW, 0x7fffffff, 0xffffffff), fc.nat());
const junk = fc.uint8Array({ maxLength: 40 });
const flags = fc.constantFrom(0, 1, 4, 5, 8, 9, 12, 13, 32, 37, 45, 255);
/** Pieces of header blocks, sensible and not: indexed, literal, truncated, table updates. */
const block = fc.array(fc.oneof(
  fc.constantFrom('8286844101 61', '828684', '88', '8882', 'be', 'bf', '80', '20', '3fe11f', '3fe21f', '4001610162', '0001610162', '1001610162', '000141 0162', '0f0d0135', '0f0d023131', '400161', 'ff'),
  fc.uint8Array({ maxLength: 6 }).map((b) => Buffer.from(b).toString('hex')),
), { maxLength: 4 }).map((hex) => Buffer.from(hex.join('').replaceAll(' ', ''), 'hex'));

const anyFrame = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(id, flags, block).map(([i, f, b]) => frame(TYPE.headers, f, i, b)) },
  { weight: 3, arbitrary: fc.tuple(id, fc.constantFrom(4, 5), fc.constantFrom('82868441 0161', '82868441 0161 0f0d0135', '88', '880f0d0135')).map(([i, f, hex]) => frame(TYPE.headers, f, i, Buffer.from(hex.replaceAll(' ', ''), 'hex'))) },
  { weight: 4, arbitrary: fc.tuple(id, flags, junk).map(([i, f, b]) => frame(TYPE.data, f, i, b)) },
  { weight: 2, arbitrary: fc.tuple(id, number).map(([i, n]) => frame(TYPE.windowUpdate, 0, i, u32(n))) },
  { weight: 2, arbitrary: fc.tuple(id, number).map(([i, n]) => frame(TYPE.rstStream, 0, i, u32(n))) },
  { weight: 2, arbitrary: fc.array(fc.tuple(fc.constantFrom(...Object.values(SETTING), 99), number), { maxLength: 3 }).map((pairs) => settings(...pairs)) },
  fc.tuple(id, block, flags).map(([i, b, f]) => frame(TYPE.continuation, f, i, b)),
  fc.tuple(fc.nat(12), flags, id, junk).map(([t, f, i, b]) => frame(t, f, i, b)),
  junk.map((b) => Buffer.from(b)),
);
const input = fc.array(anyFrame, { maxLength: 30 });
/** where to cut the input into reads */
const cuts = fc.array(fc.nat(200), { maxLength: 10 });

async function feed(peer: RawPeer, bytes: Buffer, at: number[]): Promise<void> {
  let from = 0;
  for (const n of at) {
    peer.socket.push(bytes.subarray(from, from + n));
    from = Math.min(bytes.length, from + n);
    await new Promise<void>((done) => { setImmediate(done); });
  }
  await peer.send(bytes.subarray(from));
}

/** Every exchange that was begun has been told how it went. */
function allOver(list: Recorder[]): boolean {
  return list.every((r) => r.client === null || r.events.some((e) => e.startsWith('reset') || e.startsWith('end')) || r.wasEnded);
}

async function finish(peer: RawPeer): Promise<void> {
  peer.socket.destroy();
  await settle();
  assert.deepEqual(peer.bugs, []);
  assert.equal(peer.wire.held, 0);
}

describe('http2: fuzz', () => {
  it('server: frames in any order', async () => {
    await fc.assert(fc.asyncProperty(input, cuts, fc.boolean(), async (frames, at, answers) => {
      const s: RawServer = await rawServer((r, _head, ended) => {
        r.wasEnded = ended;
        if (answers) respond(r, 200, Buffer.alloc(100_000), ['t', 'u']);
      });
      await feed(s.peer, Buffer.concat(frames), at);
      await finish(s.peer);
      assert.equal(s.connection.active, 0);
      assert.ok(allOver(s.exchanges));
    }), { numRuns: 400 });
  });

  it('server: random bytes', async () => {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.boolean(), cuts, async (bytes, prefaced, at) => {
      const s = await rawServer();
      await feed(s.peer, Buffer.concat([prefaced ? Buffer.alloc(0) : PREFACE, bytes]), at);
      await finish(s.peer);
    }), { numRuns: 300 });
  });

  it('server: a good session with octets changed', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { minLength: 1, maxLength: 4 }), cuts, async (changes, at) => {
      const s = await rawServer((r, _head, ended) => {
        r.wasEnded = ended;
        if (ended) respond(r, 200, 'x');
      });
      const good = Buffer.concat([
        s.peer.request(1), s.peer.request(3, FLAG.endHeaders, ['content-length', '6'], 'POST'), frame(TYPE.data, 0, 3, 'abc'), frame(TYPE.data, FLAG.padded | FLAG.endStream, 3, Buffer.from('\x02abc\0\0')),
        frame(TYPE.ping, 0, 0, Buffer.alloc(8)), s.peer.request(5, FLAG.endHeaders), frame(TYPE.windowUpdate, 0, 5, u32(100)), s.peer.headers(5, ['a', 'b']), frame(TYPE.rstStream, 0, 5, u32(8)), s.peer.request(7),
      ]);
      for (const [where, value] of changes) good[where % good.length] = value;
      await feed(s.peer, good, at);
      await finish(s.peer);
      assert.equal(s.connection.active, 0);
      assert.ok(allOver(s.exchanges));
    }), { numRuns: 400 });
  });

  it('client: frames in any order', async () => {
    await fc.assert(fc.asyncProperty(input, cuts, fc.boolean(), async (frames, at, greeted) => {
      const c = rawClient();
      const rs = [true, false, true].map((ended) => {
        const r = c.start(new RequestHead(ended ? 'GET' : 'POST', 'http', 'a', '/', []), ended);
        if (!ended) r.request!.data(Buffer.alloc(100_000), 0, 100_000);
        return r;
      });
      await feed(c.peer, Buffer.concat([greeted ? settings() : Buffer.alloc(0), ...frames]), at);
      await finish(c.peer);
      assert.equal(c.connection.active, 0);
      assert.ok(rs.every((r) => r.events.some((e) => e.startsWith('reset') || e.startsWith('end'))));
    }), { numRuns: 400 });
  });
});
