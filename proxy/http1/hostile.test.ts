import assert from 'node:assert/strict';
import { held } from '../io/held.ts';
import { RequestHead, ResponseHead, type RequestStream, type ResponseStream } from '../message/contract.ts';
import { RESET, type Reset } from '../message/reset.ts';
import { memoryClient, memoryServer, recorder, settled, type MemoryServer } from './memory.testkit.ts';

const POST = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n';
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
/** What the testkit's options say. */
const PROGRESS_MS = 30_000;

/** Another client of the same process is served whatever the first one does. */
async function othersAreServed(): Promise<void> {
  const { service } = recorder();
  const other = memoryServer(service);
  other.feed(GET);
  assert.match(await other.output(), /^HTTP\/1.1 200 /);
  assert.deepEqual(other.counted, []);
  other.socket.destroy();
}

/** A service that keeps what it is told, and answers when asked. */
function open(): { server: MemoryServer; resets: Reset[]; client: () => ResponseStream } {
  const resets: Reset[] = [];
  let client: ResponseStream | null = null;
  const server = memoryServer((_head, _ended, c): RequestStream => {
    client = c;
    return { data: (_b, from, to) => c.credit(to - from), end: () => {}, reset: (r) => void resets.push(r), credit: () => {} };
  });
  return { server, resets, client: () => client! };
}

describe('HTTP/1: hostile peers', () => {
  afterEach(othersAreServed);

  it('an upload that all but stops is ended; a slow one is not', async () => {
    const { server, resets } = open();
    server.feed(POST);
    for (let i = 0; i < 10; i++) {
      server.feed(Buffer.alloc(1500));
      server.clock.advance(PROGRESS_MS - 1000);
    }
    assert.deepEqual(server.counted, []);
    for (let i = 0; i < 31; i++) {
      server.feed('x');
      server.clock.advance(1000);
    }
    await settled();
    assert.deepEqual(server.counted, ['body-timeout']);
    assert.deepEqual(resets, [RESET.cancel]);
    assert.ok(server.socket.destroyed);
  });

  it('an upload that is being answered may pause, and so may one that we do not read', async () => {
    const talking = open();
    talking.server.feed(POST);
    talking.client().head(new ResponseHead(200, []));
    talking.server.clock.advance(10 * PROGRESS_MS);
    assert.deepEqual(talking.server.counted, []);
    const waiting = memoryServer(() => ({ data: () => {}, end: () => {}, reset: () => {}, credit: () => {} }));
    waiting.feed(POST.replace('100000', '1000000'));
    for (let i = 0; i < 8; i++) waiting.feed(Buffer.alloc(50_000));
    waiting.clock.advance(10 * PROGRESS_MS);
    assert.deepEqual(waiting.counted, []);
    talking.server.socket.destroy();
    waiting.socket.destroy();
  });

  it('a client that does not read its response is given up', async () => {
    const { server, resets, client } = open();
    server.socket._write = () => {};
    server.feed(GET);
    client().head(new ResponseHead(200, []));
    client().data(Buffer.alloc(300_000), 0, 300_000);
    await settled();
    server.clock.advance(PROGRESS_MS - 1000);
    assert.deepEqual(server.counted, []);
    server.clock.advance(2000);
    await settled();
    assert.deepEqual(server.counted, ['peer-not-reading']);
    assert.deepEqual(resets, [RESET.cancel]);
    assert.equal(server.wire.held, 0);
  });

  it('a client that reads slowly is not', async () => {
    const { server, client } = open();
    const held: (() => void)[] = [];
    server.socket._write = (_c, _e, done) => { held.push(done); };
    server.feed(GET);
    client().head(new ResponseHead(200, []));
    client().data(Buffer.alloc(600_000), 0, 600_000);
    await settled();
    while (held.length > 0) {
      held.shift()!();
      await settled();
      server.clock.advance(PROGRESS_MS - 1000);
    }
    assert.deepEqual(server.counted, []);
    server.socket.destroy();
  });

  it('a server that does not read its request is given up', async () => {
    const c = memoryClient();
    c.socket._write = () => {};
    const { request, answer } = c.call(new RequestHead('PUT', 'http', 'a', '/', [], 1_000_000), false);
    for (let i = 0; i < 6; i++) {
      request.data(Buffer.alloc(64_000), 0, 64_000);
      await settled();
    }
    c.clock.advance(PROGRESS_MS - 1000);
    assert.equal(answer.reset, null);
    c.clock.advance(2000);
    await settled();
    assert.equal(answer.reset, RESET.io);
    assert.deepEqual(c.counted, ['peer-not-reading']);
    assert.ok(c.conn.closed);
  });

  for (const [what, bytes, reason, status] of [
    ['a giant head', `GET / HTTP/1.1\r\n${`a: ${'b'.repeat(1000)}\r\n`.repeat(70)}\r\n`, 'head-too-large', 431],
    ['a giant head without an end', `GET / HTTP/1.1\r\na: ${'b'.repeat(70_000)}`, 'head-too-large', 431],
    ['a thousand and one fields', `GET / HTTP/1.1\r\nHost: a\r\n${'a: b\r\n'.repeat(1001)}\r\n`, 'too-many-fields', 431],
    ['a giant target', `GET /${'b'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 'request-line-too-long', 414],
    ['endless chunk extensions', `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;${'b'.repeat(5000)}\r\n`, 'chunk-extension-too-long', 400],
    ['endless trailers', `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${'a: b\r\n'.repeat(4000)}`, 'trailers-too-large', 400],
  ] as const) {
    it(`${what} is refused`, async () => {
      const { service } = recorder();
      const s = memoryServer(service);
      s.feed(bytes);
      assert.ok((await s.output()).startsWith(`HTTP/1.1 ${status} `));
      assert.deepEqual(s.counted, [reason]);
      s.socket.destroy();
    });
  }

  it('many clients with half a head each: together they are held to the cap of the process', async () => {
    const { service } = recorder();
    const half = `GET / HTTP/1.1\r\na: ${'b'.repeat(60_000)}`;
    const servers: MemoryServer[] = [];
    for (let i = 0; i < 1000; i++) {
      const s = memoryServer(service);
      servers.push(s);
      s.feed(half);
      if (i % 50 === 49) await settled();
      assert.ok(held.total < held.limit + 50 * 64 * 1024);
    }
    const most = held.total;
    await othersAreServed();
    for (const s of servers) s.socket.destroy();
    await settled();
    assert.ok(most <= held.limit);
    const shed = servers.filter((s) => s.counted.includes('memory-cap'));
    assert.ok(shed.length > 100 && shed.length < 300, `${shed.length} were shed`);
  });
});
