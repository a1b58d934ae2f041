import assert from 'node:assert/strict';
import { ManualClock } from '../../lib/clock.ts';
import { HttpDate } from '../message/date.ts';
import { RequestHead, ResponseHead, WINDOW } from '../message/contract.ts';
import { CODE, FLAG, FRAME_MAX, MAX_STREAM_ID, PREFACE, SETTING, TYPE, get31 } from './frames.ts';
import { held } from '../io/held.ts';
import { type Recorder, RawPeer, contentOf, frame, goawayCode, rawServer, resetCode, respond, settings, settle, u32 } from './raw.testkit.ts';
import { serveHttp2 } from './server.ts';

const { endHeaders, endStream, padded, priority } = FLAG;

describe('http2 server: messages', () => {
  it('maps a request head, and answers', async () => {
    const { peer, exchanges } = await rawServer((r) => respond(r, 200, 'hello'));
    const frames = await peer.send(peer.headers(1, [':method', 'POST', ':scheme', 'https', ':authority', 'h:1', ':path', '/p?q', 'content-length', '0', 'x-a', 'b', 'te', 'trailers']));
    const head = exchanges[0]!.head_ as RequestHead;
    const want = new RequestHead('POST', 'https', 'h:1', '/p?q', ['x-a', 'b', 'te', 'trailers'], 0);
    want.version = 2;
    assert.deepEqual(head, want);
    assert.deepEqual(frames.map((f) => [f.type, f.flags, f.id, f.payload.toString()]), [[TYPE.headers, endHeaders, 1, ':status: 200'], [TYPE.data, endStream, 1, 'hello']]);
  });

  it('takes the authority from host, and refuses two that differ', async () => {
    const { peer, exchanges } = await rawServer((r) => respond(r, 204));
    await peer.send(peer.headers(1, [':method', 'GET', ':scheme', 'http', ':path', '/', 'host', 'h']), peer.request(3, endHeaders | endStream, ['host', 'A.example']));
    assert.deepEqual(exchanges.map((e) => (e.head_ as RequestHead).authority), ['h', 'a.example']);
    assert.equal(resetCode(await peer.send(peer.request(5, endHeaders | endStream, ['host', 'b.example'])), 5), CODE.protocol);
    assert.deepEqual(peer.counted, ['host-not-authority']);
  });

  it('refuses what no HTTP/1 server could be asked', async () => {
    const { peer } = await rawServer((r) => respond(r, 204));
    const ask = async (id: number, reason: string, fields: string[], flags = endHeaders | endStream): Promise<void> => {
      assert.equal(resetCode(await peer.send(peer.headers(id, fields, flags)), id), CODE.protocol, reason);
      assert.equal(peer.counted.pop(), reason);
    };
    const to = (authority: string, path = '/'): string[] => [':method', 'GET', ':scheme', 'http', ':path', path, ':authority', authority];
    await ask(1, 'authority', to('a.example:http'));
    await ask(3, 'authority', to(':80'));
    await ask(5, 'authority', [':method', 'GET', ':scheme', 'http', ':path', '/', 'host', 'a:b:c']);
    await ask(7, 'pseudo-header-value', to('a.example', '/a#b'));
    await ask(9, 'connect-target', [':method', 'CONNECT', ':authority', 'a.example'], endHeaders);
    await ask(11, 'connect-target', [':method', 'CONNECT', ':authority', 'a.example:70000'], endHeaders);
    await ask(13, 'trace-body', [':method', 'TRACE', ...to('a.example').slice(2)], endHeaders);
  });

  it('adds the Date that a response lacks', async () => {
    const { peer } = await rawServer((r, head) => {
      r.client!.informational(new ResponseHead(103, []));
      r.client!.head(new ResponseHead(200, head.path === '/' ? [] : ['date', 'then']));
      r.client!.end(null);
    }, {}, { date: new HttpDate(new ManualClock()) });
    const frames = await peer.send(peer.request(1), peer.headers(3, [':method', 'GET', ':scheme', 'http', ':path', '/dated', ':authority', 'a.example']));
    assert.deepEqual(frames.map((f) => f.payload.toString()), [
      ':status: 103', ':status: 200\ndate: Thu, 01 Jan 1970 00:00:00 GMT', ':status: 103', ':status: 200\ndate: then',
    ]);
  });

  it('takes the authority of an absolute-form request that linkerd2-proxy carries with a Host of its own', async () => {
    const { peer, exchanges } = await rawServer((r) => respond(r, 204));
    await peer.send(peer.request(1, endHeaders | endStream, ['host', 'web.test', 'l5d-orig-proto', 'HTTP/1.1; absolute-form']));
    assert.equal((exchanges[0]!.head_ as RequestHead).authority, 'a.example');
    assert.equal(resetCode(await peer.send(peer.request(3, endHeaders | endStream, ['host', 'web.test', 'l5d-orig-proto', 'HTTP/1.1'])), 3), CODE.protocol);
  });

  it('sets END_STREAM on the head of a response without content', async () => {
    const { peer } = await rawServer((r) => respond(r, 204));
    assert.deepEqual((await peer.send(peer.request(1))).map((f) => [f.type, f.flags]), [[TYPE.headers, endHeaders | endStream]]);
  });

  it('sends informational heads, content-length, trailers', async () => {
    const { peer } = await rawServer((r) => {
      r.client!.informational(new ResponseHead(103, ['link', 'x']));
      r.client!.head(new ResponseHead(200, ['x', 'y'], 3));
      r.client!.data(Buffer.from('abc'), 0, 3);
      r.client!.end(['grpc-status', '0']);
    });
    const frames = await peer.send(peer.request(1));
    assert.deepEqual(frames.map((f) => [f.type, f.flags, f.payload.toString()]), [
      [TYPE.headers, endHeaders, ':status: 103\nlink: x'], [TYPE.headers, endHeaders, ':status: 200\ncontent-length: 3\nx: y'], [TYPE.data, 0, 'abc'],
      [TYPE.headers, endHeaders | endStream, 'grpc-status: 0'],
    ]);
  });

  it('gives content and trailers of a request to its stream, padding left out', async () => {
    const { peer, exchanges } = await rawServer();
    await peer.send(
      peer.request(1, endHeaders), frame(TYPE.data, padded, 1, Buffer.from('\x03abc\0\0\0')), frame(TYPE.data, 0, 1, 'def'), frame(TYPE.data, padded, 1, Buffer.from('\x00')),
      peer.headers(1, ['x-sum', '1']));
    assert.deepEqual(exchanges[0]!.events, ['data abc', 'data def', 'end x-sum 1']);
  });

  it('takes frames cut anywhere', async () => {
    const { peer, exchanges } = await rawServer((r, _head, ended) => ended && respond(r, 200));
    const bytes = Buffer.concat([peer.request(1, endHeaders), frame(TYPE.data, padded | endStream, 1, Buffer.from('\x02abcd\0\0')), peer.request(3)]);
    for (const b of bytes) {
      peer.socket.push(Buffer.from([b]));
      await new Promise<void>((done) => { setImmediate(done); });
    }
    await settle();
    assert.equal(exchanges[0]!.events.join(), 'data a,data b,data c,data d,end');
    assert.equal(exchanges.length, 2);
    assert.deepEqual(peer.counted, []);
  });

  it('assembles a block from HEADERS with padding and priority, and CONTINUATION', async () => {
    const { peer, exchanges } = await rawServer();
    const block = peer.block([':method', 'GET', ':scheme', 'http', ':path', '/', 'x-long', 'y'.repeat(100)]);
    await peer.send(
      frame(TYPE.headers, padded | priority | endStream, 1, Buffer.concat([Buffer.from([2]), u32(0), Buffer.from([9]), block.subarray(0, 10), Buffer.alloc(2)])),
      frame(TYPE.continuation, 0, 1, block.subarray(10, 50)), frame(TYPE.continuation, endHeaders, 1, block.subarray(50)));
    assert.deepEqual(exchanges[0]!.head_!.fields, ['x-long', 'y'.repeat(100)]);
  });

  it('counts content against content-length', async () => {
    const { peer, exchanges } = await rawServer();
    const frames = await peer.send(
      peer.request(1, endHeaders, ['content-length', '3'], 'POST'), frame(TYPE.data, 0, 1, 'ab'), frame(TYPE.data, endStream, 1, 'cd'),
      peer.request(3, endHeaders, ['content-length', '3'], 'POST'), frame(TYPE.data, endStream, 3, 'ab'),
      peer.request(5, endHeaders, ['content-length', '3'], 'POST'), peer.headers(5, ['x', 'y']), peer.request(7, endHeaders | endStream, ['content-length', '3'], 'POST'));
    for (const id of [1, 3, 5, 7]) assert.equal(resetCode(frames, id), CODE.protocol);
    assert.deepEqual(exchanges.map((e) => e.events.at(-1)), ['reset protocol', 'reset protocol', 'reset protocol']);
    assert.deepEqual(new Set(peer.counted), new Set(['content-length-mismatch']));
  });

  it('opens tunnels for CONNECT, each direction with its own end', async () => {
    const { peer, exchanges, connection } = await rawServer((r) => r.client!.head(new ResponseHead(200, [])));
    const frames = await peer.send(peer.headers(1, [':method', 'CONNECT', ':authority', 'db:5432'], endHeaders), frame(TYPE.data, 0, 1, 'abc'));
    assert.equal((exchanges[0]!.head_ as RequestHead).authority, 'db:5432');
    assert.equal(frames[0]!.payload.toString(), ':status: 200');
    exchanges[0]!.client!.end(null);
    assert.deepEqual((await peer.send(frame(TYPE.data, 0, 1, 'def'), frame(TYPE.data, endStream, 1))).map((f) => [f.type, f.flags]), [[TYPE.data, endStream]]);
    assert.deepEqual(exchanges[0]!.events, ['data abc', 'data def', 'end']);
    assert.equal(connection.active, 0);
    assert.equal(resetCode(await peer.send(peer.headers(3, [':method', 'CONNECT', ':authority', 'x:1', ':path', '/'])), 3), CODE.protocol);
  });

  it('ends a request whose response is complete, and lets what is still under way pass', async () => {
    const { peer, exchanges, connection } = await rawServer();
    await peer.send(peer.request(1, endHeaders, [], 'POST'), frame(TYPE.data, 0, 1, 'abc'));
    respond(exchanges[0]!, 413, 'no');
    const frames = await peer.frames();
    assert.deepEqual(frames.map((f) => [f.type, f.flags]), [[TYPE.headers, endHeaders], [TYPE.data, endStream], [TYPE.rstStream, 0]]);
    assert.equal(resetCode(frames, 1), CODE.noError);
    assert.deepEqual(exchanges[0]!.events, ['data abc', 'reset noError']);
    assert.equal(connection.active, 0);
    assert.deepEqual(await peer.send(frame(TYPE.data, 0, 1, 'late'), frame(TYPE.windowUpdate, 0, 1, u32(5)), frame(TYPE.rstStream, 0, 1, u32(8)), peer.headers(1, ['x', 'y'])), []);
    assert.deepEqual(peer.counted, []);
  });

  it('resets a stream either way, once', async () => {
    const { peer, exchanges } = await rawServer();
    await peer.send(peer.request(1, endHeaders), peer.request(3));
    await peer.send(frame(TYPE.rstStream, 0, 1, u32(CODE.cancel)));
    exchanges[0]!.client!.data(Buffer.from('x'), 0, 1);
    exchanges[0]!.client!.reset({ h2: 8, label: '' });
    assert.deepEqual(exchanges[0]!.events, ['reset cancel']);
    exchanges[1]!.client!.reset({ h2: 7, label: '' });
    exchanges[1]!.client!.end(null);
    const frames = await peer.frames();
    assert.equal(frames.length, 1);
    assert.equal(resetCode(frames, 3), CODE.refusedStream);
  });

  it('tells the service that the client is gone', async () => {
    const { peer, exchanges, connection } = await rawServer();
    let closed = 0;
    connection.onClose = () => closed++;
    await peer.send(peer.request(1));
    peer.socket.destroy();
    await settle();
    assert.deepEqual(exchanges[0]!.events, ['reset cancel']);
    assert.equal(closed, 1);
    assert.equal(connection.active, 0);
  });

  it('ends the connection, not the process, when a service throws', async () => {
    const { peer } = await rawServer(() => { throw new Error('a bug'); });
    assert.equal(goawayCode(await peer.send(peer.request(1))), CODE.internal);
    assert.match(String(peer.bugs[0]), /a bug/);
  });
});

describe('http2 server: flow control', () => {
  const bigAnswer = (size: number) => (r: Recorder): void => {
    r.client!.head(new ResponseHead(200, []));
    r.client!.data(Buffer.alloc(size, 1), 0, size);
    r.client!.end(null);
  };

  it('sends no more than the stream window, and goes on when it opens', async () => {
    const { peer, exchanges } = await rawServer(bigAnswer(100), {}, {}, settings([SETTING.initialWindowSize, 10]));
    assert.equal(contentOf(await peer.send(peer.request(1)), 1).length, 10);
    assert.equal(exchanges[0]!.credited, 10);
    assert.equal(contentOf(await peer.send(frame(TYPE.windowUpdate, 0, 1, u32(25))), 1).length, 25);
    // A smaller initial window may make a stream's negative.
    assert.equal(contentOf(await peer.send(settings([SETTING.initialWindowSize, 0]), frame(TYPE.windowUpdate, 0, 1, u32(10))), 1).length, 0);
    assert.equal(contentOf(await peer.send(frame(TYPE.windowUpdate, 0, 1, u32(5))), 1).length, 5);
    const rest = await peer.send(settings([SETTING.initialWindowSize, 1000]));
    assert.equal(contentOf(rest, 1).length, 60);
    assert.equal(rest.at(-1)!.flags, endStream);
    assert.equal(exchanges[0]!.credited, 100);
  });

  it('sends no more than the connection window, and takes turns when it opens', async () => {
    const { peer, connection } = await rawServer(bigAnswer(100_000), {}, {}, settings([SETTING.initialWindowSize, 1 << 20]));
    const first = await peer.send(peer.request(1), peer.request(3), peer.request(5));
    assert.equal(contentOf(first, 1).length, 65535);
    assert.equal(contentOf(first, 3).length, 0);
    const next = await peer.send(frame(TYPE.windowUpdate, 0, 0, u32(6 * FRAME_MAX)));
    assert.deepEqual([1, 3, 5].map((id) => contentOf(next, id).length), [2 * FRAME_MAX, 2 * FRAME_MAX, 2 * FRAME_MAX]);
    connection.destroy();
    assert.equal(peer.wire.held, 0);
  });

  it('opens its windows as content is consumed', async () => {
    const { peer, exchanges } = await rawServer((r) => { r.eager = false; });
    const piece = frame(TYPE.data, 0, 1, Buffer.alloc(FRAME_MAX));
    const pieces = Array.from({ length: WINDOW / FRAME_MAX }, () => piece);
    const frames = await peer.send(peer.request(1, endHeaders, [], 'POST'), ...pieces);
    assert.deepEqual(frames, []);
    exchanges[0]!.client!.credit(WINDOW / 2 - 1);
    assert.deepEqual(await peer.frames(), []);
    exchanges[0]!.client!.credit(1);
    const [update] = await peer.frames();
    assert.deepEqual([update!.type, update!.id, get31(update!.payload, 0)], [TYPE.windowUpdate, 1, WINDOW / 2]);
    const over = await peer.send(...pieces);
    assert.equal(resetCode(over, 1), CODE.flowControl);
    assert.deepEqual(peer.counted, ['stream-window-exceeded']);
  });

  it('credits the connection whatever becomes of its streams', async () => {
    const { peer } = await rawServer((r) => { r.eager = false; });
    const updates: number[] = [];
    for (let id = 1; id < 200; id += 2) {
      const frames = await peer.send(peer.request(id, endHeaders, [], 'POST'), ...Array.from({ length: WINDOW / FRAME_MAX }, () => frame(TYPE.data, 0, id, Buffer.alloc(FRAME_MAX))));
      updates.push(...frames.filter((f) => f.type === TYPE.windowUpdate && f.id === 0).map((f) => get31(f.payload, 0)));
    }
    assert.ok(updates.reduce((a, b) => a + b, 0) > 20_000_000);
    assert.deepEqual(peer.counted, []);
  });

  it('withholds credit while the socket is full, and pays it when it drains', async () => {
    const { peer, exchanges } = await rawServer((r) => r.client!.head(new ResponseHead(200, [])), {}, {}, settings([SETTING.initialWindowSize, 1 << 30]));
    await peer.send(frame(TYPE.windowUpdate, 0, 0, u32(1 << 30)), peer.request(1), peer.request(3), peer.request(5));
    peer.socket.reading = false;
    const piece = Buffer.alloc(64 * 1024, 1);
    for (const e of exchanges) for (let i = 0; i < 4; i++) e.client!.data(piece, 0, piece.length);
    await settle();
    const paid = exchanges.reduce((n, e) => n + e.credited, 0);
    assert.ok(paid < 2 * WINDOW, `${paid} octets were credited`);
    assert.ok(peer.wire.backlog < 2 * WINDOW);
    peer.socket.open();
    await settle();
    assert.deepEqual(exchanges.map((e) => e.credited), [WINDOW, WINDOW, WINDOW]);
    assert.equal(peer.wire.held, 0);
  });

  it('drops streams when too much waits for peers that do not read', async () => {
    const { peer, exchanges, connection } = await rawServer(bigAnswer(WINDOW), {}, {}, settings([SETTING.initialWindowSize, 0]));
    const ids = Array.from({ length: 200 }, (_, i) => 2 * i + 1);
    const frames = await peer.send(...ids.map((id) => peer.request(id)));
    assert.ok(held.total <= held.limit);
    assert.ok(ids.some((id) => resetCode(frames, id) === CODE.enhanceYourCalm));
    assert.ok(exchanges.some((e) => e.events.includes('reset enhanceYourCalm') || e.events.includes('reset noError')));
    assert.ok(peer.counted.includes('memory-cap'));
    connection.destroy();
    await settle();
    assert.equal(peer.wire.held, 0);
  });
});

describe('http2 server: hostile peers', () => {
  afterEach('another client is served', async () => {
    const { peer } = await rawServer((r) => respond(r, 200, 'served'));
    assert.equal(contentOf(await peer.send(peer.request(1)), 1).toString(), 'served');
  });

  const many = (n: number, make: (i: number) => Buffer): Buffer[] => Array.from({ length: n }, (_, i) => make(i));
  const odd = (i: number): number => 2 * i + 1;

  for (const [reason, make] of [
    ['ping-flood', () => many(11_000, () => frame(TYPE.ping, 0, 0, Buffer.alloc(8)))],
    ['settings-flood', () => many(1100, () => settings())],
    ['priority-flood', () => many(11_000, () => frame(TYPE.priority, 0, 9, Buffer.from([0, 0, 0, 1, 5])))],
    ['window-update-flood', () => many(11_000, () => frame(TYPE.windowUpdate, 0, 0, u32(1)))],
    ['unknown-frame-flood', () => many(11_000, () => frame(99, 0, 0))],
    ['empty-data-flood', (p) => [p.request(1, endHeaders, [], 'POST'), ...many(5500, () => frame(TYPE.data, 0, 1))]],
    ['rapid-reset', (p) => many(2100, (i) => Buffer.concat([p.request(odd(i)), frame(TYPE.rstStream, 0, odd(i), u32(8))]))],
    // Streams that the server must reset for the client's faults, CVE-2025-8671.
    ['rapid-reset', (p) => many(2100, (i) => Buffer.concat([p.request(odd(i)), frame(TYPE.windowUpdate, 0, odd(i), u32(0))]))],
    ['continuation-flood', (p) => [p.request(1, 0), ...many(100, () => frame(TYPE.continuation, 0, 1, 'x'))]],
    ['header-block-too-large', (p) => [p.request(1, 0), ...many(10, () => frame(TYPE.continuation, 0, 1, Buffer.alloc(FRAME_MAX)))]],
  ] as [string, (p: RawPeer) => Buffer[]][]) {
    it(`ends the connection for ${reason}`, async () => {
      const { peer, exchanges } = await rawServer();
      const frames = await peer.send(...make(peer));
      assert.equal(goawayCode(frames), CODE.enhanceYourCalm);
      assert.equal(peer.counted.at(-1), reason);
      assert.ok(exchanges.every((e) => e.events.at(-1)?.startsWith('reset') ?? false));
    });
  }

  it('lets as many resets and control frames pass in proportion to real work', async () => {
    const { peer } = await rawServer((r) => respond(r, 200, 'x'));
    for (let i = 0; i < 3000; i += 100) await peer.send(...many(100, (j) => Buffer.concat([peer.request(odd(i + j)), frame(TYPE.windowUpdate, 0, 0, u32(1)), frame(TYPE.ping, 0, 0, Buffer.alloc(8))])));
    for (let i = 0; i < 20; i++) {
      peer.clock.advance(1000);
      await peer.send(...many(900, () => frame(TYPE.ping, 0, 0, Buffer.alloc(8))));
    }
    assert.deepEqual(peer.counted, []);
  });

  it('answers 431 to a header list over the limit, and goes on', async () => {
    const { peer, exchanges } = await rawServer((r) => respond(r, 200), { maxHeaderListSize: 1000 });
    const frames = await peer.send(peer.request(1, endHeaders, ['x-big', 'y'.repeat(1000)]), peer.request(3));
    assert.deepEqual(frames.map((f) => [f.type, f.id, f.payload.toString().split('\n')[0]]), [[TYPE.headers, 1, ':status: 431'], [TYPE.rstStream, 1, '\0\0\0\0'], [TYPE.headers, 3, ':status: 200']]);
    assert.equal(exchanges.length, 1);
    assert.deepEqual(peer.counted, ['header-list-too-large']);
  });

  it('refuses streams over the limit', async () => {
    const { peer, exchanges } = await rawServer(() => {}, { maxConcurrentStreams: 2 });
    const frames = await peer.send(peer.request(1), peer.request(3), peer.request(5));
    assert.equal(resetCode(frames, 5), CODE.refusedStream);
    assert.equal(exchanges.length, 2);
    respond(exchanges[0]!, 200);
    await peer.send(peer.request(7));
    assert.equal(exchanges.length, 3);
  });

  it('gives up on a peer that sends requests and reads no answers', async () => {
    const { peer, connection } = await rawServer((r) => {
      r.client!.head(new ResponseHead(200, ['x-big', 'y'.repeat(30_000)]));
      r.client!.end(null);
    });
    peer.socket.reading = false;
    for (let i = 0; i < 400; i += 20) await peer.send(...many(20, (j) => peer.request(odd(i + j))));
    assert.deepEqual(peer.counted, ['peer-not-reading']);
    peer.clock.advance(1000);
    await settle();
    assert.ok(peer.socket.destroyed);
    assert.equal(connection.active, 0);
  });

  it('ends a connection whose client never acknowledges the settings, or never ends a header block', async () => {
    const silent = new RawPeer();
    serveHttp2(silent.wire, () => { throw new Error('not reached'); }, silent.options());
    await silent.frames();
    silent.clock.advance(10_000);
    assert.equal(goawayCode(await silent.frames()), CODE.settingsTimeout);
    const { peer } = await rawServer();
    await peer.send(peer.request(1, 0));
    peer.clock.advance(10_000);
    assert.equal(goawayCode(await peer.frames()), CODE.enhanceYourCalm);
    assert.deepEqual(peer.counted, ['header-block-timeout']);
  });

  it('ends a connection that leaves a frame half sent, not one that is merely slow', async () => {
    const { peer } = await rawServer();
    const request = peer.request(1);
    for (let i = 0; i < 5; i++) {
      // A new frame is cut short each time, but the one before was completed.
      await peer.send(i === 0 ? Buffer.alloc(0) : frame(TYPE.ping, FLAG.ack, 0, Buffer.alloc(8)).subarray(5), frame(TYPE.ping, FLAG.ack, 0, Buffer.alloc(8)).subarray(0, 5));
      peer.clock.advance(6000);
    }
    assert.deepEqual(peer.counted, []);
    await peer.send(frame(TYPE.ping, FLAG.ack, 0, Buffer.alloc(8)).subarray(5), request.subarray(0, request.length - 1));
    peer.clock.advance(20_000);
    assert.deepEqual(peer.counted, ['frame-timeout']);
  });

  it('delivers what a slow client has still to read before it closes', async () => {
    const { peer, connection } = await rawServer((r) => respond(r, 200, Buffer.alloc(100_000)), {}, {}, settings([SETTING.initialWindowSize, 1 << 20]));
    await peer.send(frame(TYPE.windowUpdate, 0, 0, u32(1 << 20)));
    peer.socket.reading = false;
    connection.drain();
    const early = await peer.send(peer.request(1), frame(TYPE.ping, FLAG.ack, 0, u32(0, 2)));
    peer.clock.advance(20_000);
    await settle();
    peer.socket.open();
    const late = await peer.frames();
    assert.equal(contentOf([...early, ...late], 1).length, 100_000);
    peer.socket.push(null);
    await settle();
    assert.ok(peer.socket.destroyed);
  });

  it('refuses another protocol', async () => {
    const peer = new RawPeer();
    serveHttp2(peer.wire, () => { throw new Error('not reached'); }, peer.options());
    assert.equal(goawayCode(await peer.send(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'))), CODE.protocol);
  });

  it('takes the bytes that detection has read', async () => {
    const peer = new RawPeer();
    const seen: string[] = [];
    serveHttp2(peer.wire, (head, _ended, client) => {
      seen.push(head.path);
      client.head(new ResponseHead(200, []));
      client.end(null);
      return { data() {}, end() {}, reset() {}, credit() {} };
    }, peer.options(), Buffer.concat([PREFACE, settings(), peer.request(1)]));
    await peer.send(peer.request(3));
    assert.deepEqual(seen, ['/', '/']);
  });
});

describe('http2 server: ends', () => {
  it('drains in two steps, serving what was under way', async () => {
    const { peer, exchanges, connection } = await rawServer();
    let closed = 0;
    connection.onClose = () => closed++;
    await peer.send(peer.request(1));
    connection.drain();
    const [goaway, ping] = await peer.frames();
    assert.equal(get31(goaway!.payload, 0), MAX_STREAM_ID);
    assert.equal(ping!.type, TYPE.ping);
    const frames = await peer.send(peer.request(3), frame(TYPE.ping, FLAG.ack, 0, ping!.payload), peer.request(5));
    assert.deepEqual(frames.map((f) => [f.type, get31(f.payload, 0)]), [[TYPE.goaway, 3]]);
    assert.equal(exchanges.length, 2);
    respond(exchanges[0]!, 200);
    respond(exchanges[1]!, 200);
    await peer.frames();
    assert.ok(peer.socket.writableEnded);
    peer.socket.push(null);
    await settle();
    assert.equal(closed, 1);
    assert.deepEqual(peer.counted, []);
  });

  it('drains a client that does not answer the PING', async () => {
    const { peer, connection } = await rawServer();
    connection.drain();
    await peer.frames();
    peer.clock.advance(5000);
    assert.equal(goawayCode(await peer.frames()), CODE.noError);
    peer.clock.advance(30_000);
    await settle();
    assert.ok(peer.socket.destroyed);
  });

  it('answers what a client that has half-closed asked for', async () => {
    const { peer, exchanges } = await rawServer();
    await peer.send(peer.request(1), peer.request(3, endHeaders));
    peer.socket.push(null);
    await settle();
    assert.deepEqual(exchanges[1]!.events, ['reset cancel']);
    respond(exchanges[0]!, 200);
    assert.equal((await peer.frames())[0]!.payload.toString(), ':status: 200');
    assert.ok(peer.socket.writableEnded);
  });

  it('finds a dead peer by PING, and spares a live one', async () => {
    const { peer } = await rawServer(undefined, {}, { keepAlive: { intervalMs: 1000, timeoutMs: 300 } });
    peer.clock.advance(1000);
    assert.deepEqual(await peer.frames(), []);
    peer.clock.advance(1000);
    const [ping] = await peer.frames();
    assert.equal(ping!.type, TYPE.ping);
    await peer.send(frame(TYPE.ping, FLAG.ack, 0, ping!.payload));
    peer.clock.advance(300);
    peer.clock.advance(1000);
    assert.equal((await peer.frames())[0]!.type, TYPE.ping);
    peer.clock.advance(300);
    await settle();
    assert.ok(peer.socket.destroyed);
    assert.deepEqual(peer.counted, ['keep-alive-timeout']);
  });
});
