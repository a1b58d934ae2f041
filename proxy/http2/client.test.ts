import assert from 'node:assert/strict';
import { RequestHead, type ResponseHead, WINDOW } from '../message/contract.ts';
import { RESET } from '../message/reset.ts';
import { CODE, FLAG, FRAME_MAX, SETTING, TYPE, get31, get32 } from './frames.ts';
import { type RawClient, contentOf, frame, goawayCode, rawClient, resetCode, settings, settle, u32 } from './raw.testkit.ts';

const { ack, endHeaders, endStream } = FLAG;
const get = (path = '/'): RequestHead => new RequestHead('GET', 'http', 'a.example', path, []);
const post = (length = -1): RequestHead => new RequestHead('POST', 'http', 'a.example', '/', [], length);

async function settled(extra = {}): Promise<RawClient> {
  const c = rawClient(extra);
  await c.peer.send(settings(), frame(TYPE.settings, ack, 0));
  return c;
}

describe('http2 client: messages', () => {
  it('greets, and sends requests before the server has spoken', async () => {
    const c = rawClient();
    c.start(get('/x'));
    const s = c.start(new RequestHead('PUT', 'https', '', '/y', ['a', 'b'], 3), false);
    s.request!.data(Buffer.from('abc'), 0, 3);
    s.request!.end(null);
    const frames = await c.peer.frames();
    assert.deepEqual(frames.map((f) => [f.type, f.flags, f.id]), [
      [TYPE.settings, 0, 0], [TYPE.windowUpdate, 0, 0], [TYPE.headers, endHeaders | endStream, 1], [TYPE.headers, endHeaders, 3], [TYPE.data, endStream, 3],
    ]);
    assert.equal(frames[2]!.payload.toString(), ':method: GET\n:scheme: http\n:path: /x\n:authority: a.example');
    assert.equal(frames[3]!.payload.toString(), ':method: PUT\n:scheme: https\n:path: /y\n:authority: \ncontent-length: 3\na: b');
    assert.equal(s.credited, 3);
  });

  it('gives informational heads, head, content and trailers in order', async () => {
    const c = await settled();
    const r = c.start(get());
    await c.peer.send(
      c.peer.headers(1, [':status', '100'], endHeaders), c.peer.headers(1, [':status', '200', 'content-length', '3'], endHeaders), frame(TYPE.data, 0, 1, 'abc'), c.peer.headers(1, ['x', 'y']));
    assert.deepEqual(r.events, ['informational 100', 'head 200', 'data abc', 'end x y']);
    assert.equal(c.connection.active, 0);
  });

  it('knows which responses have no content', async () => {
    const c = await settled();
    const rs = [c.start(new RequestHead('HEAD', 'http', 'a', '/', [])), c.start(get()), c.start(get()), c.start(get())];
    const frames = await c.peer.send(
      c.peer.headers(1, [':status', '200', 'content-length', '5']), c.peer.headers(3, [':status', '304', 'content-length', '5']),
      c.peer.headers(5, [':status', '204'], endHeaders), frame(TYPE.data, endStream, 5), c.peer.headers(7, [':status', '204'], endHeaders), frame(TYPE.data, endStream, 7, 'x'));
    assert.deepEqual(rs.map((r) => r.events.join()), ['head 200,end', 'head 304,end', 'head 204,end', 'head 204,reset protocol']);
    assert.equal(resetCode(frames, 7), CODE.protocol);
  });

  it('resets streams with malformed responses, and no others', async () => {
    const c = await settled();
    const bad: [string[], number][] = [
      [['x', 'y'], endHeaders], [[':status', '101'], endHeaders], [[':status', '100'], endHeaders | endStream], [[':status', '200', 'connection', 'close'], endHeaders],
      [[':status', '20'], endHeaders], [[':status', '200', ':path', '/'], endHeaders], [[':status', '200', 'content-length', '4'], endHeaders | endStream],
    ];
    const ok = c.start(get());
    const rs = bad.map(() => c.start(get()));
    const frames = await c.peer.send(...bad.map(([fields, flags], i) => c.peer.headers(2 * i + 3, fields, flags)), c.peer.headers(1, [':status', '200']));
    assert.deepEqual(rs.map((r) => r.events.join()), rs.map(() => 'reset protocol'));
    bad.forEach((_, i) => assert.equal(resetCode(frames, 2 * i + 3), CODE.protocol));
    assert.deepEqual(ok.events, ['head 200', 'end']);
    const r = c.start(get());
    assert.equal(resetCode(await c.peer.send(frame(TYPE.data, 0, 17, 'x')), 17), CODE.protocol);
    assert.deepEqual(r.events, ['reset protocol']);
  });

  it('maps reasons of resets in both directions', async () => {
    const c = await settled();
    const rs = [get(), get(), get(), post(), post(), post()].map((h) => c.start(h, h.method === 'GET'));
    await c.peer.send(frame(TYPE.rstStream, 0, 1, u32(7)), frame(TYPE.rstStream, 0, 3, u32(8)), frame(TYPE.rstStream, 0, 5, u32(11)));
    assert.deepEqual(rs.slice(0, 3).map((r) => r.events.join()), ['reset refused', 'reset cancel', 'reset enhanceYourCalm']);
    rs[3]!.request!.reset(RESET.cancel);
    rs[4]!.request!.reset(RESET.refused);
    rs[5]!.request!.reset(RESET.noError);
    const frames = await c.peer.frames();
    assert.deepEqual([7, 9, 11].map((id) => resetCode(frames, id)), [8, 8, 8]);
    assert.equal(c.connection.active, 0);
    assert.deepEqual(await c.peer.send(c.peer.headers(7, [':status', '200'])), []);
  });

  it('gives a complete response, and then that the rest of the request is not wanted', async () => {
    const c = await settled();
    const r = c.start(post(), false);
    await c.peer.send(c.peer.headers(1, [':status', '413']), frame(TYPE.rstStream, 0, 1, u32(0)));
    assert.deepEqual(r.events, ['head 413', 'end', 'reset noError']);
    assert.equal(c.connection.active, 0);
  });

  it('goes on with a request whose response ended first', async () => {
    const c = await settled();
    const r = c.start(post(), false);
    await c.peer.send(c.peer.headers(1, [':status', '200']));
    assert.equal(c.connection.active, 1);
    r.request!.data(Buffer.from('more'), 0, 4);
    r.request!.end(null);
    assert.equal(contentOf(await c.peer.frames(), 1).toString(), 'more');
    assert.equal(c.connection.active, 0);
  });

  it('tunnels CONNECT; a refused one is over with its response', async () => {
    const c = await settled();
    const open = c.start(new RequestHead('CONNECT', '', 'db:1', '', []), false);
    const refused = c.start(new RequestHead('CONNECT', '', 'db:2', '', []), false);
    const frames = await c.peer.frames();
    assert.equal(frames[1]!.payload.toString().includes(':scheme: http'), false);
    await c.peer.send(c.peer.headers(1, [':status', '200', 'content-length', '7'], endHeaders), frame(TYPE.data, endStream, 1, 'abc'), c.peer.headers(3, [':status', '403'], endHeaders | endStream));
    assert.deepEqual(open.events, ['head 200', 'data abc', 'end']);
    assert.deepEqual(refused.events, ['head 403', 'end']);
    assert.equal(c.connection.active, 1);
    open.request!.data(Buffer.from('x'), 0, 1);
    open.request!.end(null);
    assert.equal(c.connection.active, 0);
  });

  it('sends a request that offers an upgrade without the offer', async () => {
    const c = await settled();
    const head = get();
    head.upgrade = 'websocket';
    const r = c.start(head, false);
    r.request!.data(Buffer.from('x'), 0, 1);
    r.request!.end(null);
    assert.deepEqual((await c.peer.frames()).map((f) => f.flags), [endHeaders | endStream]);
  });

  it('sends an upgrade as an extended CONNECT where the server takes it, and proves it to HTTP/1', async () => {
    const c = await settled();
    await c.peer.send(settings([SETTING.enableConnectProtocol, 1]));
    const head = new RequestHead('GET', 'http', 'a.example', '/chat', ['sec-websocket-key', 'dGhlIHNhbXBsZSBub25jZQ==', 'sec-websocket-version', '13']);
    head.upgrade = 'websocket';
    const taken = c.start(head, false);
    const refused = c.start(head, false);
    const [asked] = await c.peer.frames();
    assert.deepEqual([asked!.flags, asked!.payload.toString()], [endHeaders, [
      ':method: CONNECT', ':scheme: http', ':path: /chat', ':authority: a.example', ':protocol: websocket', 'sec-websocket-version: 13',
    ].join('\n')]);
    await c.peer.send(c.peer.headers(1, [':status', '200'], endHeaders), frame(TYPE.data, 0, 1, 'down'), c.peer.headers(3, [':status', '403', 'content-length', '0'], endHeaders | endStream));
    const answer = taken.head_ as ResponseHead;
    // The example of RFC 6455 1.3.
    assert.deepEqual([answer.status, answer.upgrade, answer.fields], [101, 'websocket', ['sec-websocket-accept', 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=']]);
    assert.deepEqual(taken.events, ['head 101', 'data down']);
    assert.deepEqual(refused.events, ['head 403', 'end']);
    taken.request!.data(Buffer.from('up'), 0, 2);
    taken.request!.end(null);
    const frames = await c.peer.send(frame(TYPE.data, endStream, 1));
    assert.equal(contentOf(frames, 1).toString(), 'up');
    assert.deepEqual(taken.events, ['head 101', 'data down', 'end']);
    assert.equal(c.connection.active, 0);
  });

  it('does not let a server take back extended CONNECT', async () => {
    const c = await settled();
    await c.peer.send(settings([SETTING.enableConnectProtocol, 1]));
    assert.equal(goawayCode(await c.peer.send(settings([SETTING.enableConnectProtocol, 0]))), CODE.protocol);
  });
});

describe('http2 client: flow control', () => {
  it('opens its windows as content is consumed', async () => {
    const c = await settled();
    const r = c.start(get());
    r.eager = false;
    const frames = await c.peer.send(c.peer.headers(1, [':status', '200'], endHeaders), ...Array.from({ length: WINDOW / FRAME_MAX }, () => frame(TYPE.data, 0, 1, Buffer.alloc(FRAME_MAX))));
    assert.deepEqual(frames.filter((f) => f.type === TYPE.windowUpdate), []);
    r.request!.credit(WINDOW);
    assert.equal(get31((await c.peer.frames())[0]!.payload, 0), WINDOW);
  });

  it('keeps to the windows of the server', async () => {
    const c = rawClient();
    await c.peer.send(settings([SETTING.initialWindowSize, 5]), frame(TYPE.settings, ack, 0));
    const r = c.start(post(), false);
    r.request!.data(Buffer.from('0123456789'), 0, 10);
    r.request!.end(['t', 'u']);
    assert.equal(contentOf(await c.peer.frames(), 1).toString(), '01234');
    assert.equal(r.credited, 5);
    const rest = await c.peer.send(frame(TYPE.windowUpdate, 0, 1, u32(100)));
    assert.equal(contentOf(rest, 1).toString(), '56789');
    assert.equal(rest.at(-1)!.payload.toString(), 't: u');
    assert.equal(r.credited, 10);
  });
});

describe('http2 client: capacity and ends', () => {
  it('keeps to the number of streams that the server allows, and says when there is room', async () => {
    const c = rawClient({ limits: { maxConcurrentStreams: 200 } });
    let changes = 0;
    c.connection.onChange = () => changes++;
    assert.equal(c.connection.capacity, 100);
    await c.peer.send(settings([SETTING.maxConcurrentStreams, 2]), frame(TYPE.settings, ack, 0));
    assert.equal(c.connection.capacity, 2);
    const rs = [c.start(get()), c.start(get())];
    assert.equal(c.connection.capacity, 0);
    assert.deepEqual(c.start(get()).events, ['reset refused']);
    changes = 0;
    await c.peer.send(c.peer.headers(1, [':status', '200']));
    assert.equal(changes, 1);
    assert.equal(c.connection.capacity, 1);
    assert.deepEqual(rs[0]!.events, ['head 200', 'end']);
    await c.peer.send(settings([SETTING.maxConcurrentStreams, 1000]));
    assert.equal(c.connection.capacity, 199);
  });

  it('on GOAWAY resets what the server has not taken, finishes the rest and closes', async () => {
    const c = await settled();
    const rs = [c.start(get()), c.start(get()), c.start(get())];
    let closedAt = -1;
    c.connection.onChange = () => { closedAt = rs[2]!.events.length; };
    await c.peer.send(frame(TYPE.goaway, 0, 0, u32(3, 0)));
    assert.ok(c.connection.closed);
    assert.equal(c.connection.capacity, 0);
    // The pool must know before the reset streams are tried again.
    assert.equal(closedAt, 0);
    assert.deepEqual(rs.map((r) => r.events.join()), ['', '', 'reset refused']);
    assert.deepEqual(c.start(get()).events, ['reset refused']);
    const frames = await c.peer.send(c.peer.headers(1, [':status', '200']), c.peer.headers(3, [':status', '200']));
    assert.equal(goawayCode(frames), CODE.noError);
    assert.ok(c.peer.socket.writableEnded);
  });

  it('drains', async () => {
    const c = await settled();
    const r = c.start(get());
    c.connection.drain();
    assert.ok(c.connection.closed);
    assert.ok(!c.peer.socket.writableEnded);
    await c.peer.send(c.peer.headers(1, [':status', '200']));
    assert.deepEqual(r.events, ['head 200', 'end']);
    assert.ok(c.peer.socket.writableEnded);
  });

  it('tells requests that never left from those that may have been served, when the connection breaks', async () => {
    const c = await settled();
    const sent = c.start(get());
    await c.peer.frames();
    const unsent = c.start(get());
    c.peer.socket.destroy();
    await new Promise<void>((done) => { process.nextTick(done); });
    assert.deepEqual(sent.events, ['reset io']);
    assert.deepEqual(unsent.events, ['reset refused']);
    assert.ok(c.connection.closed);
    assert.equal(c.connection.active, 0);
  });

  it('breaks off when the server half-closes', async () => {
    const c = await settled();
    const r = c.start(get());
    await c.peer.frames();
    c.peer.socket.push(null);
    await settle();
    assert.deepEqual(r.events, ['reset io']);
    assert.ok(c.peer.socket.destroyed);
  });

  it('finds a dead server by PING', async () => {
    const c = await settled({ keepAlive: { intervalMs: 1000, timeoutMs: 300 } });
    const r = c.start(get());
    c.peer.clock.advance(1000);
    c.peer.clock.advance(1000);
    assert.ok((await c.peer.frames()).some((f) => f.type === TYPE.ping));
    c.peer.clock.advance(300);
    await settle();
    assert.deepEqual(r.events, ['reset io']);
    assert.deepEqual(c.peer.counted, ['keep-alive-timeout']);
  });

  it('ends when stream numbers run out', async () => {
    const c = await settled();
    (c.connection as unknown as { nextId: number }).nextId = 0x7fffffff;
    const r = c.start(get());
    assert.ok(c.connection.closed);
    await c.peer.send(c.peer.headers(0x7fffffff, [':status', '200']));
    assert.deepEqual(r.events, ['head 200', 'end']);
    assert.ok(c.peer.socket.writableEnded);
  });

  for (const [reason, code, bytes] of [
    ['push-promise', CODE.protocol, frame(TYPE.pushPromise, endHeaders, 1, u32(2))],
    ['headers-on-idle-stream', CODE.protocol, frame(TYPE.headers, endHeaders, 5, Buffer.from([0x88]))],
    ['data-on-idle-stream', CODE.protocol, frame(TYPE.data, 0, 5, 'x')],
    ['settings-enable-push', CODE.protocol, settings([SETTING.enablePush, 1])],
    ['settings-initial-window', CODE.flowControl, settings([SETTING.initialWindowSize, 0x80000000])],
    ['settings-max-frame-size', CODE.protocol, settings([SETTING.maxFrameSize, 1])],
    ['window-overflow', CODE.flowControl, frame(TYPE.windowUpdate, 0, 0, u32(0x7fffffff))],
    ['hpack', CODE.compression, frame(TYPE.headers, endHeaders, 1, Buffer.from([0x80]))],
    ['frame-too-large', CODE.frameSize, Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 1])],
  ] as [string, number, Buffer][]) {
    it(`ends the connection for ${reason}`, async () => {
      const c = await settled();
      const r = c.start(get());
      const frames = await c.peer.send(bytes);
      const goaway = frames.find((f) => f.type === TYPE.goaway)!;
      assert.equal(get32(goaway.payload, 4), code);
      assert.equal(goaway.payload.subarray(8).toString(), reason);
      assert.deepEqual(r.events, ['reset protocol']);
      assert.deepEqual(c.peer.counted, [reason]);
      assert.ok(c.connection.closed);
    });
  }

  it('refuses a server that does not begin with SETTINGS', async () => {
    const c = rawClient();
    assert.equal(goawayCode(await c.peer.send(frame(TYPE.ping, 0, 0, Buffer.alloc(8)))), CODE.protocol);
    assert.deepEqual(c.peer.counted, ['settings-expected']);
  });
});
