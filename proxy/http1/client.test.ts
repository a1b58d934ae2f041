import assert from 'node:assert/strict';
import { RequestHead, WINDOW } from '../message/contract.ts';
import { RESET } from '../message/reset.ts';
import { memoryClient, settled, type MemoryClient } from './memory.testkit.ts';

const get = (path = '/', method = 'GET'): RequestHead => new RequestHead(method, 'http', 'a', path, []);
const post = (n: number): RequestHead => new RequestHead('POST', 'http', 'a', '/', [], n);
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

describe('HTTP/1 client: requests', () => {
  const sent = async (head: RequestHead, ended = true): Promise<string> => {
    const c = memoryClient();
    c.call(head, ended);
    return c.output();
  };

  it('host first, then framing, then the fields', async () => {
    assert.equal(await sent(new RequestHead('GET', 'http', 'a:80', '/x', ['b', 'c'])), 'GET /x HTTP/1.1\r\nhost: a:80\r\nb: c\r\n\r\n');
    assert.equal(await sent(post(3), false), 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\n');
    assert.equal(await sent(post(0)), 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n');
    assert.equal(await sent(post(-1), false), 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n');
  });

  it('absolute-form, asterisk-form, CONNECT, Upgrade, TE', async () => {
    const absolute = get('/x');
    absolute.absoluteForm = true;
    assert.equal(await sent(absolute), 'GET http://a/x HTTP/1.1\r\nhost: a\r\n\r\n');
    assert.equal(await sent(get('*', 'OPTIONS')), 'OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n');
    assert.equal(await sent(get('', 'CONNECT'), false), 'CONNECT a HTTP/1.1\r\nhost: a\r\n\r\n');
    const upgrade = get();
    upgrade.upgrade = 'websocket';
    assert.equal(await sent(upgrade, false), 'GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
    assert.equal(await sent(new RequestHead('GET', 'http', 'a', '/', ['te', 'trailers'])), 'GET / HTTP/1.1\r\nhost: a\r\nconnection: te\r\nte: trailers\r\n\r\n');
  });

  it('a body in its framing, with trailers when chunked', async () => {
    const c = memoryClient();
    const { request } = c.call(post(-1), false);
    const b = Buffer.from('hello world');
    request.data(b, 0, 5);
    request.data(b, 5, 5);
    request.data(b, 5, 11);
    request.end(['x', 'y']);
    assert.match(await c.output(), /\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nx: y\r\n\r\n$/);
  });

  it('a head that could split a message is never sent', async () => {
    const bad: RequestHead[] = [
      get('/ HTTP/1.1\r\nx: y'), get('/a b'), get('/\u010a'), get('/', 'G T'), get('/', 'G\r\n'), new RequestHead('GET', 'http', 'a\r\nb: c', '/', []),
      new RequestHead('GET', 'http', 'a', '/', ['a', 'b\nc']), new RequestHead('GET', 'http', 'a', '/', ['a b', 'c']),
    ];
    for (const head of bad) {
      const c = memoryClient();
      const { answer } = c.call(head);
      assert.equal(answer.reset, RESET.protocol);
      assert.equal(await c.output(), '');
      assert.equal(c.conn.capacity, 1);
    }
  });

  it('a body that breaks its announced length breaks the connection', async () => {
    for (const n of [2, 4]) {
      const c = memoryClient();
      const { answer, request } = c.call(post(3), false);
      request.data(Buffer.from('abcd'), 0, n);
      if (n < 3) request.end(null);
      await settled();
      assert.equal(answer.reset, RESET.internal);
      assert.equal(c.conn.closed, true);
      assert.equal(c.socket.destroyed, true);
    }
  });
});

describe('HTTP/1 client: responses', () => {
  const answered = async (bytes: string, head = get(), eof = false): Promise<{ c: MemoryClient; answer: ReturnType<MemoryClient['call']>['answer'] }> => {
    const c = memoryClient();
    const { answer } = c.call(head, head.upgrade === '' && head.method !== 'CONNECT');
    await settled();
    c.feed(bytes);
    if (eof) c.eof();
    await settled();
    return { c, answer };
  };

  it('a length, chunked, until close', async () => {
    for (const [bytes, eof] of [
      ['HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Y: z\r\n\r\nbody', false],
      ['HTTP/1.1 200 OK\r\nX-Y: z\r\nTransfer-Encoding: Chunked\r\n\r\n4;x\r\nbody\r\n0\r\n\r\n', false],
      ['HTTP/1.1 200 OK\r\nX-Y: z\r\n\r\nbody', true],
      ['HTTP/1.0 200 OK\r\nX-Y: z\r\n\r\nbody', true],
    ] as const) {
      const { c, answer } = await answered(bytes, get(), eof);
      assert.deepEqual(answer.events, ['head 200', 'end']);
      assert.equal(answer.body, 'body');
      assert.deepEqual(answer.heads[0]!.fields, ['x-y', 'z']);
      assert.deepEqual(c.counted, []);
      assert.equal(c.conn.capacity, eof ? 0 : 1);
      assert.equal(c.conn.closed, eof);
    }
  });

  it('HEAD, 204, 304 have no body whatever they say', async () => {
    const { answer, c } = await answered('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n', get('/', 'HEAD'));
    assert.deepEqual([answer.events.join(), answer.heads[0]!.contentLength, c.conn.capacity], ['head 200,end', 4, 1]);
    assert.deepEqual((await answered('HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n')).answer.heads[0]!.contentLength, -1);
    assert.deepEqual((await answered('HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n')).answer.ended, true);
    assert.deepEqual((await answered('HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n')).answer.ended, true);
  });

  it('informational responses come first', async () => {
    const { answer } = await answered(`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n${OK}`);
    assert.deepEqual(answer.events, ['informational 100', 'informational 103', 'head 200', 'end']);
  });

  it('426 comes with the protocol to switch to', async () => {
    const { answer } = await answered('HTTP/1.1 426 Upgrade Required\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\nContent-Length: 0\r\n\r\n');
    assert.equal(answer.heads[0]!.upgrade, 'websocket');
    assert.deepEqual(answer.heads[0]!.fields, []);
  });

  it('trailers', async () => {
    const { answer } = await answered('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nGrpc-Status: 0\r\nSet-Cookie: x\r\n\r\n');
    assert.deepEqual(answer.trailers, ['grpc-status', '0']);
  });

  it('a status line without a reason, with and without its space', async () => {
    assert.equal((await answered('HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n')).answer.ended, true);
    assert.equal((await answered('HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n')).answer.ended, true);
  });

  it('the connection is kept or not as both versions say', async () => {
    const after = async (head: string): Promise<number> => (await answered(`${head}\r\nContent-Length: 0\r\n\r\n`)).c.conn.capacity;
    assert.equal(await after('HTTP/1.1 200 OK'), 1);
    assert.equal(await after('HTTP/1.1 200 OK\r\nConnection: close'), 0);
    assert.equal(await after('HTTP/1.0 200 OK'), 0);
    assert.equal(await after('HTTP/1.0 200 OK\r\nConnection: keep-alive'), 1);
  });

  it('Keep-Alive: timeout is noted', async () => {
    const { c } = await answered('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nKeep-Alive: timeout=5, max=100\r\n\r\n');
    assert.equal(c.conn.keepAliveTimeout, 5);
  });

  const BROKEN: [string, string, string][] = [
    ['not HTTP', 'SSH-2.0-x\r\n', 'bad-status-line'],
    ['HTTP/2', 'HTTP/2 200 OK\r\n\r\n', 'bad-status-line'],
    ['HTTP/0.9', '<html>', 'bad-status-line'],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n', 'bad-status-line'],
    ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n', 'bad-status-line'],
    ['a status below 100', 'HTTP/1.1 099 OK\r\n\r\n', 'bad-status-line'],
    ['a control byte in the reason', 'HTTP/1.1 200 O\0K\r\n\r\n', 'bad-status-line'],
    ['a bare LF', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n', 'bare-lf'],
    ['both framings', 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n', 'content-length-with-transfer-encoding'],
    ['repeated Content-Length', 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\n', 'repeated-content-length'],
    ['another coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n', 'unknown-transfer-coding'],
    ['chunked from HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', 'transfer-encoding-http10'],
    ['space before a colon', 'HTTP/1.1 200 OK\r\nContent-Length : 4\r\n\r\n', 'space-before-colon'],
    ['obs-fold', 'HTTP/1.1 200 OK\r\nX: 4\r\n 5\r\n\r\n', 'obs-fold'],
    ['a bad chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n', 'bad-chunk-size'],
    ['an unasked-for 101', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n', 'unexpected-101'],
    ['endless 1xx', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(33), 'too-many-informational'],
    ['a large head', `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(66_000)}\r\n\r\n`, 'head-too-large'],
    ['an endless head', `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(66_000)}`, 'head-too-large'],
  ];
  for (const [what, bytes, reason] of BROKEN) {
    it(`${what}: reset and ${reason}`, async () => {
      const { c, answer } = await answered(bytes);
      assert.equal(answer.reset, RESET.protocol);
      assert.deepEqual(c.counted, [reason]);
      assert.equal(c.conn.closed, true);
      assert.equal(c.socket.destroyed, true);
    });
  }

  it('bytes after the response: it is delivered, the connection is not used again', async () => {
    const { c, answer } = await answered(`${OK}HTTP/1.1 200 OK\r\n`);
    assert.equal(answer.ended, true);
    assert.equal(c.conn.closed, true);
    assert.deepEqual(c.counted, ['unsolicited-bytes']);
  });

  it('bytes on an idle connection close it', async () => {
    const c = memoryClient();
    c.feed('HTTP/1.1 408 Request Timeout\r\n\r\n');
    await settled();
    assert.deepEqual([c.conn.closed, c.counted.join()], [true, 'unsolicited-bytes']);
  });

  it('the body window: no more than it without credit', () => {
    const c = memoryClient();
    let got = 0;
    const request = c.conn.call(get(), true, {
      informational: () => {}, head: () => {}, data: (_b, s, e) => { got += e - s; }, end: () => { got = -got; }, reset: () => {}, credit: () => {},
    });
    c.feed(`HTTP/1.1 200 OK\r\nContent-Length: ${WINDOW + 100}\r\n\r\n`);
    c.feed(Buffer.alloc(WINDOW + 100));
    assert.equal(got, WINDOW);
    request.credit(60);
    assert.equal(got, WINDOW + 60);
    request.credit(1000);
    assert.equal(got, -(WINDOW + 100));
    assert.equal(c.conn.capacity, 1);
  });
});

describe('HTTP/1 client: life of a connection', () => {
  const used = async (): Promise<MemoryClient> => {
    const c = memoryClient();
    c.call(get());
    await settled();
    c.feed(OK);
    await settled();
    assert.equal(c.conn.capacity, 1);
    return c;
  };

  it('is busy during an exchange, tells when it is free, and refuses a second', async () => {
    const c = memoryClient();
    let changes = 0;
    c.conn.onChange = () => { changes++; };
    c.call(get());
    assert.deepEqual([c.conn.capacity, c.conn.active], [0, 1]);
    const { answer } = c.call(get());
    assert.equal(answer.reset, RESET.refused);
    c.feed(OK);
    assert.deepEqual([c.conn.capacity, c.conn.active, changes], [1, 0, 1]);
  });

  it('closed by the server before an answer: refused only where sending again is safe', async () => {
    for (const [method, reused, flushed, reason] of [
      ['GET', true, true, RESET.refused],
      ['POST', true, true, RESET.io],
      ['GET', false, true, RESET.io],
      ['POST', true, false, RESET.refused],
      ['POST', false, false, RESET.refused],
    ] as const) {
      for (const way of ['eof', 'close'] as const) {
        const c = reused ? await used() : memoryClient();
        const { answer } = c.call(get('/', method));
        if (flushed) await settled();
        if (way === 'eof') {
          c.eof();
        } else {
          c.socket.destroy();
          c.conn.wireClosed();
        }
        await settled();
        assert.equal(answer.reset, reason, `${method} ${reused} ${flushed} ${way}`);
        assert.equal(c.conn.closed, true);
      }
    }
  });

  it('closed after a byte of the answer: io', async () => {
    const c = await used();
    const { answer } = c.call(get());
    await settled();
    c.feed('H');
    c.eof();
    assert.equal(answer.reset, RESET.io);
  });

  it('closed inside a body: io', async () => {
    for (const bytes of ['HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n']) {
      const c = memoryClient();
      const { answer } = c.call(get());
      c.feed(bytes);
      c.eof();
      assert.deepEqual(answer.events, ['head 200', 'reset io']);
    }
  });

  it('an early response is delivered whole, the rest of the request is called off, the connection closes', async () => {
    const c = memoryClient();
    const { answer, request } = c.call(post(10), false);
    request.data(Buffer.from('abc'), 0, 3);
    c.feed(OK);
    assert.deepEqual(answer.events, ['head 200', 'end', 'reset noError']);
    assert.equal(c.conn.closed, true);
    request.data(Buffer.from('abc'), 0, 3);
    request.end(null);
  });

  it('a response after the last announced byte but before end() is not early', () => {
    const c = memoryClient();
    const { answer, request } = c.call(post(3), false);
    request.data(Buffer.from('abc'), 0, 3);
    c.feed(OK);
    request.end(null);
    assert.deepEqual([answer.events.join(), c.conn.capacity], ['head 200,end', 1]);
  });

  it('a request that is given up breaks the connection', async () => {
    const c = memoryClient();
    const { answer, request } = c.call(get());
    request.reset(RESET.cancel);
    await settled();
    assert.deepEqual([answer.events.length, c.conn.closed, c.socket.destroyed], [0, true, true]);
    c.feed(OK);
    assert.equal(answer.events.length, 0);
  });

  it('drain: idle closes at once, busy after its exchange', async () => {
    const idle = await used();
    idle.conn.drain();
    await settled();
    assert.deepEqual([idle.conn.closed, idle.socket.finished], [true, true]);
    const busy = memoryClient();
    const { answer } = busy.call(get());
    busy.conn.drain();
    assert.equal(busy.conn.capacity, 0);
    assert.equal(busy.conn.closed, false);
    busy.feed(OK);
    assert.deepEqual([answer.ended, busy.conn.closed], [true, true]);
  });

  it('a tunnel by 101: bytes both ways, half-close, then both closed', async () => {
    const c = memoryClient();
    const head = get();
    head.upgrade = 'x';
    const { answer, request } = c.call(head, false);
    c.feed('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: X\r\n\r\nHTTP/1.1 400');
    assert.deepEqual([answer.events.join(), answer.heads[0]!.upgrade, answer.body], ['head 101', 'x', 'HTTP/1.1 400']);
    request.data(Buffer.from('up'), 0, 2);
    request.end(null);
    assert.match(await c.output(), /\r\n\r\nup$/);
    assert.equal(c.socket.finished, true);
    c.feed('more');
    c.eof();
    await settled();
    assert.deepEqual([answer.body, answer.ended, c.conn.closed, c.socket.destroyed], ['HTTP/1.1 400more', true, true, true]);
  });

  it('a tunnel by CONNECT; refused, it is an ordinary response and the end of the connection', async () => {
    const c = memoryClient();
    const { answer } = c.call(get('', 'CONNECT'), false);
    c.feed('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef');
    assert.deepEqual([answer.body, answer.heads[0]!.contentLength, answer.ended], ['abcdef', -1, false]);
    const d = memoryClient();
    const refused = d.call(get('', 'CONNECT'), false);
    d.feed('HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno');
    assert.deepEqual([refused.answer.events.join(), refused.answer.body, d.conn.closed], ['head 407,end', 'no', true]);
  });
});
