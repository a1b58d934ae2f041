import assert from 'node:assert/strict';
import { ResponseHead, WINDOW } from '../message/contract.ts';
import { RESET } from '../message/reset.ts';
import { answerOk, memoryServer, recorder, settled, type Seen } from './memory.testkit.ts';

const H = 'Host: a\r\n';
const GET = `GET / HTTP/1.1\r\n${H}\r\n`;
const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-n: 0\r\n\r\nok';
const text = (s: string): Buffer => Buffer.from(s, 'latin1');
const send = (seen: Seen, s: string): void => seen.client.data(text(s), 0, s.length);

describe('HTTP/1 server: responses', () => {
  const ask = async (request: string, head: ResponseHead, body: string | null = 'body', trailers: string[] | null = null): Promise<string> => {
    const { service } = recorder((seen) => {
      seen.client.head(head);
      if (body !== null) send(seen, body);
      seen.client.end(trailers);
    });
    const s = memoryServer(service);
    s.feed(request);
    return s.output();
  };

  it('a known length is Content-Length', async () => {
    assert.equal(await ask(GET, new ResponseHead(200, ['a', 'b'], 4)), 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\na: b\r\n\r\nbody');
  });

  it('an unknown length is chunked, with trailers', async () => {
    assert.equal(await ask(GET, new ResponseHead(200, []), 'body', ['x', 'y']),
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nx: y\r\n\r\n');
  });

  it('an empty piece does not end a chunked body', async () => {
    assert.equal(await ask(GET, new ResponseHead(200, []), ''), 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n');
  });

  it('an unknown length for HTTP/1.0 ends with the connection', async () => {
    assert.equal(await ask('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n', new ResponseHead(200, [])), 'HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nbody');
  });

  it('HTTP/1.0 keeps the connection only when asked', async () => {
    assert.match(await ask('GET / HTTP/1.0\r\n\r\n', new ResponseHead(200, [], 4)), /connection: close/);
    assert.match(await ask('GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n', new ResponseHead(200, [], 4)), /connection: keep-alive/);
  });

  it('HEAD, 204 and 304 have no body; Content-Length stays but for 204', async () => {
    assert.equal(await ask(`HEAD / HTTP/1.1\r\n${H}\r\n`, new ResponseHead(200, [], 4)), 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n');
    assert.equal(await ask(`HEAD / HTTP/1.1\r\n${H}\r\n`, new ResponseHead(200, []), null), 'HTTP/1.1 200 OK\r\n\r\n');
    assert.equal(await ask(GET, new ResponseHead(204, [], 0), null), 'HTTP/1.1 204 No Content\r\n\r\n');
    assert.equal(await ask(GET, new ResponseHead(304, [], 9), null), 'HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n');
  });

  it('an unknown status has an empty reason', async () => {
    assert.match(await ask(GET, new ResponseHead(799, [], 0), null), /^HTTP\/1\.1 799 \r\n/);
  });

  it('a final response without Date gets one, and so does an answer of our own; nothing else does', async () => {
    const { service } = recorder((seen) => {
      seen.client.informational(new ResponseHead(103, []));
      seen.client.head(new ResponseHead(200, seen.head.path === '/' ? [] : ['date', 'then'], 0));
      seen.client.end(null);
    });
    const s = memoryServer(service, undefined, true);
    s.feed(`${GET}${GET.replace('/', '/dated')}GET\r\n\r\n`);
    assert.deepEqual((await s.output()).match(/(?:103|200|400) .*|date: .*/g), [
      '103 Early Hints', '200 OK', 'date: Thu, 01 Jan 1970 00:00:00 GMT', '103 Early Hints', '200 OK', 'date: then', '400 Bad Request', 'date: Thu, 01 Jan 1970 00:00:00 GMT',
    ]);
  });

  it('a 426 says to what, and so does its Connection', async () => {
    const head = new ResponseHead(426, [], 0);
    head.upgrade = 'websocket';
    assert.equal(await ask(GET, head, null), 'HTTP/1.1 426 Upgrade Required\r\ncontent-length: 0\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
    assert.match(await ask(`GET / HTTP/1.1\r\n${H}Connection: close\r\n\r\n`, head, null), /\r\nconnection: upgrade, close\r\nupgrade: websocket\r\n\r\n$/);
  });

  it('Connection: close is answered in kind', async () => {
    assert.match(await ask(`GET / HTTP/1.1\r\n${H}Connection: close\r\n\r\n`, new ResponseHead(200, [], 4)), /\r\nconnection: close\r\n/);
  });

  it('fields that would decide about framing or split a line never get out', async () => {
    assert.equal(await ask(GET, new ResponseHead(200, ['transfer-encoding', 'chunked', 'content-length', '9', 'connection', 'close'], 4)),
      'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody');
    for (const bad of [['a', 'b\r\nc: d'], ['a\r\nb', 'c'], ['a', '\u010ab'], ['', 'b'], ['A', 'b'], ['a', '\0']]) {
      assert.match(await ask(GET, new ResponseHead(200, bad, 4)), /^HTTP\/1\.1 502 Bad Gateway\r\n[^]*connection: close/);
    }
  });

  it('invalid trailers are left out', async () => {
    assert.match(await ask(GET, new ResponseHead(200, []), 'b', ['a', 'b\r\nc: d']), /0\r\n\r\n$/);
  });

  it('a body longer or shorter than its length breaks the connection', async () => {
    for (const body of ['toolong', 'abc']) {
      const { service, seen } = recorder((one) => {
        one.client.head(new ResponseHead(200, [], 4));
        send(one, body);
        one.client.end(null);
      });
      const s = memoryServer(service);
      s.feed(GET);
      await settled();
      assert.equal(s.socket.destroyed, true);
      assert.deepEqual(s.counted, ['bad-response-length']);
      assert.notEqual(seen[0]!.reset, null);
    }
  });

  it('1xx pass before the response, not to HTTP/1.0', async () => {
    const { service } = recorder((seen) => {
      seen.client.informational(new ResponseHead(103, ['link', 'x']));
      answerOk(seen);
    });
    const s = memoryServer(service);
    s.feed(GET);
    assert.equal(await s.output(), `HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n${OK}`);
    const old = memoryServer(service);
    old.feed('GET / HTTP/1.0\r\n\r\n');
    assert.match(await old.output(), /^HTTP\/1\.1 200 OK/);
  });

  it('a reset before the head closes, after it too', async () => {
    for (const early of [true, false]) {
      const { service } = recorder((seen) => {
        if (!early) seen.client.head(new ResponseHead(200, []));
        seen.client.reset(RESET.io);
      });
      const s = memoryServer(service);
      s.feed(GET);
      await settled();
      assert.equal(s.socket.destroyed, true);
    }
  });
});

describe('HTTP/1 server: connections', () => {
  it('pipelined requests are answered in order, one at a time', async () => {
    const { seen, service } = recorder(() => {});
    const s = memoryServer(service);
    s.feed(GET.replace('/', '/1') + GET.replace('/', '/2') + GET.replace('/', '/3'));
    for (let i = 0; i < 3; i++) {
      assert.equal(seen.length, i + 1);
      assert.equal(seen[i]!.head.path, `/${i + 1}`);
      answerOk(seen[i]!);
      await settled();
    }
    assert.equal(await s.output(), OK + OK + OK);
  });

  it('a pipelining client that reads nothing is not read either', async () => {
    const { seen, service } = recorder(() => {});
    const s = memoryServer(service);
    let paused = 0;
    s.wire.pause = () => { paused++; };
    s.feed(GET);
    for (let i = 0; i < 20; i++) s.feed(GET.repeat(200));
    assert.equal(seen.length, 1);
    assert.equal(paused, 1);
  });

  it('what follows Connection: close is dropped', async () => {
    const { seen, service } = recorder();
    const s = memoryServer(service);
    s.feed(`GET / HTTP/1.1\r\n${H}Connection: close\r\n\r\n${GET}`);
    await settled();
    assert.equal(seen.length, 1);
    assert.equal(s.socket.finished, true);
  });

  it('half-close: the response still comes, then the connection ends', async () => {
    const { seen, service } = recorder(() => {});
    const s = memoryServer(service);
    s.feed(GET);
    s.eof();
    await settled();
    assert.equal(s.socket.destroyed, false);
    answerOk(seen[0]!);
    assert.match(await s.output(), /connection: close\r\n[^]*ok$/);
    assert.equal(s.socket.destroyed, true);
  });

  it('half-close after pipelined requests: all are answered', async () => {
    const { seen, service } = recorder(() => {});
    const s = memoryServer(service);
    s.feed(GET + GET);
    s.eof();
    answerOk(seen[0]!);
    await settled();
    assert.equal(seen.length, 2);
    answerOk(seen[1]!);
    assert.equal((await s.output()).split('HTTP/1.1 200').length, 3);
    assert.equal(s.socket.destroyed, true);
  });

  it('the end of the connection inside a head and inside a body is counted', async () => {
    const { seen, service } = recorder();
    const s = memoryServer(service);
    s.feed('GET / HT');
    s.eof();
    assert.deepEqual(s.counted, ['incomplete-head']);
    const t = memoryServer(service);
    t.feed(`POST / HTTP/1.1\r\n${H}Content-Length: 5\r\n\r\nab`);
    t.eof();
    await settled();
    assert.deepEqual(t.counted, ['incomplete-body']);
    assert.equal(seen[0]!.reset, RESET.cancel);
  });

  it('the client goes away: the request is reset', async () => {
    const { seen, service } = recorder(() => {});
    const s = memoryServer(service);
    let closed = 0;
    s.connection.onClose = () => { closed++; };
    s.feed(GET);
    assert.equal(s.connection.active, 1);
    s.socket.destroy();
    await settled();
    assert.equal(seen[0]!.reset, RESET.cancel);
    assert.equal(closed, 1);
    assert.equal(s.connection.active, 0);
    answerOk(seen[0]!);
  });

  it('late calls on a finished exchange do nothing to the next', async () => {
    const { seen, service } = recorder(() => {});
    const s = memoryServer(service);
    s.feed(GET);
    answerOk(seen[0]!);
    s.feed(GET);
    answerOk(seen[0]!);
    seen[0]!.client.reset(RESET.io);
    seen[0]!.client.credit(5);
    answerOk(seen[1]!);
    assert.equal(await s.output(), OK + OK);
  });

  it('drain: the running exchange finishes with connection: close; an idle connection closes after its grace', async () => {
    const { seen, service } = recorder(() => {});
    const s = memoryServer(service);
    s.feed(GET);
    s.connection.drain();
    answerOk(seen[0]!);
    assert.match(await s.output(), /connection: close/);
    const idle = memoryServer(service);
    idle.connection.drain();
    idle.feed(GET);
    answerOk(seen[1]!);
    assert.match(await idle.output(), /connection: close/);
    const still = memoryServer(service);
    still.connection.drain();
    still.clock.advance(2000);
    await settled();
    assert.equal(still.socket.finished, true);
  });

  it('timeouts: a slow head, an idle connection, a client that does not close', async () => {
    const { service } = recorder();
    const slow = memoryServer(service);
    slow.feed('GET / HTTP/1.1\r\n');
    for (let i = 0; i < 8; i++) {
      slow.clock.advance(1000);
      slow.feed('a: b\r\n');
    }
    assert.deepEqual(slow.counted, []);
    slow.clock.advance(3000);
    await settled();
    assert.deepEqual(slow.counted, ['head-timeout']);
    assert.match(slow.socket.text(), /^HTTP\/1.1 408 Request Timeout\r\n.*connection: close\r\n/s);
    assert.equal(slow.socket.finished, true);
    const idle = memoryServer(service);
    idle.feed(GET);
    idle.clock.advance(59_000);
    idle.feed(GET);
    idle.clock.advance(60_500);
    await settled();
    assert.equal(idle.socket.finished, true);
    assert.equal(idle.socket.destroyed, false);
    idle.clock.advance(5000);
    await settled();
    assert.equal(idle.socket.destroyed, true);
    const silent = memoryServer(service);
    silent.clock.advance(11_000);
    await settled();
    assert.equal(silent.socket.finished, true);
  });
});

describe('HTTP/1 server: bodies, tunnels and early answers', () => {
  const POST = (n: number): string => `POST / HTTP/1.1\r\n${H}Content-Length: ${n}\r\n\r\n`;

  it('no more than the window is delivered without credit', async () => {
    let got = 0;
    let credit: (n: number) => void = () => {};
    const s = memoryServer((_head, _ended, client) => {
      credit = (n) => client.credit(n);
      return { data: (_b, from, to) => { got += to - from; }, end: () => { got = -got; }, reset: () => {}, credit: () => {} };
    });
    let reading = true;
    s.wire.pause = () => { reading = false; };
    s.wire.resume = () => { reading = true; };
    s.feed(POST(WINDOW + 100));
    for (let left = WINDOW + 100; left > 0; left -= 50_000) s.feed(Buffer.alloc(Math.min(50_000, left)));
    assert.equal(got, WINDOW);
    assert.equal(reading, false);
    credit(60);
    assert.equal(got, WINDOW + 60);
    credit(60);
    assert.equal(got, -(WINDOW + 100));
    assert.equal(reading, true);
  });

  it('response credit is withheld while the client does not read', async () => {
    let credited = 0;
    const s = memoryServer((_head, _ended, client) => {
      queueMicrotask(() => {
        client.head(new ResponseHead(200, []));
        client.data(Buffer.alloc(300_000), 0, 300_000);
      });
      return { data: () => {}, end: () => {}, reset: () => {}, credit: (n) => { credited += n; } };
    });
    const held: (() => void)[] = [];
    s.socket._write = (_c, _e, done) => { held.push(done); };
    s.feed(GET);
    await settled();
    assert.equal(credited, 0);
    for (let i = 0; i < 100 && held.length > 0; i++) {
      held.shift()!();
      await settled();
    }
    assert.equal(credited, 300_000);
  });

  it('Expect: 100-continue passes; after a 100 and the body the connection goes on', async () => {
    const { seen, service } = recorder();
    const s = memoryServer(service);
    s.feed(`POST / HTTP/1.1\r\n${H}Expect: 100-continue\r\nContent-Length: 3\r\n\r\n`);
    assert.deepEqual(seen[0]!.head.fields, ['expect', '100-continue']);
    seen[0]!.client.informational(new ResponseHead(100, []));
    s.feed('abc');
    s.feed(GET);
    assert.equal(await s.output(), `HTTP/1.1 100 Continue\r\n\r\n${OK.replace('x-n: 0', 'x-n: 3')}${OK}`);
  });

  it('a final answer in place of 100 closes the connection: its next bytes could be body or request', async () => {
    const { seen, service } = recorder(answerOk, true);
    const s = memoryServer(service);
    s.feed(`POST / HTTP/1.1\r\n${H}Expect: 100-continue\r\nContent-Length: 3\r\n\r\n`);
    s.feed(GET);
    assert.match(await s.output(), /^HTTP\/1\.1 200 OK\r\n[^]*connection: close[^]*ok$/);
    assert.equal(seen.length, 1);
  });

  it('the expectation of an HTTP/1.0 client is ignored', () => {
    const { seen, service } = recorder();
    const s = memoryServer(service);
    s.feed('POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc');
    assert.deepEqual(seen[0]!.head.fields, []);
  });

  it('an early answer: the rest of a small body is read, then the connection goes on', async () => {
    const { seen, service } = recorder(answerOk, true);
    const s = memoryServer(service);
    s.feed(POST(10) + 'abc');
    s.feed(`defghij${GET}`);
    await settled();
    assert.equal(seen.length, 2);
    assert.equal(seen[0]!.body, 'abcdefghij');
  });

  it('an early answer and noError: a small rest is dropped, a large one closes', async () => {
    for (const [n, requests] of [[1000, 2], [1_000_000, 1]] as const) {
      const { seen, service } = recorder((one) => {
        answerOk(one);
        queueMicrotask(() => one.client.reset(RESET.noError));
      }, true);
      const s = memoryServer(service);
      s.feed(POST(n));
      await settled();
      s.feed(Buffer.alloc(1000));
      s.feed(GET);
      await settled();
      assert.equal(seen.length, requests);
      assert.equal(seen[0]!.body, '');
      assert.equal(s.socket.finished, requests === 1);
    }
  });

  it('a chunked rest is dropped up to 256 KiB', async () => {
    const { seen, service } = recorder((one) => {
      answerOk(one);
      queueMicrotask(() => one.client.reset(RESET.noError));
    }, true);
    const s = memoryServer(service);
    s.feed(`POST / HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n`);
    await settled();
    for (let i = 0; i < 6; i++) s.feed(`c350\r\n${'x'.repeat(50_000)}\r\n`);
    await settled();
    assert.equal(s.socket.finished, true);
    assert.equal(seen.length, 1);
  });

  it('an answer by somebody who takes no body: stalls are ended', async () => {
    const s = memoryServer((_head, _ended, client) => {
      answerOk({ client, body: '' } as Seen);
      return { data: () => {}, end: () => {}, reset: () => {}, credit: () => {} };
    });
    s.feed(POST(1_000_000));
    for (let i = 0; i < 6; i++) s.feed(Buffer.alloc(50_000));
    s.clock.advance(6000);
    await settled();
    assert.equal(s.socket.finished, true);
  });

  it('Upgrade: bytes wait for the 101, then pass both ways, with half-close', async () => {
    const { seen, service } = recorder(() => {}, true);
    const s = memoryServer(service);
    s.feed(`GET / HTTP/1.1\r\n${H}Connection: upgrade\r\nUpgrade: WebSocket\r\n\r\nearly`);
    assert.equal(seen[0]!.ended, false);
    assert.equal(seen[0]!.head.upgrade, 'websocket');
    assert.equal(seen[0]!.body, '');
    const head = new ResponseHead(101, ['sec-websocket-accept', 'x']);
    head.upgrade = 'websocket';
    seen[0]!.client.head(head);
    await settled();
    s.feed('GET / not http\r\n\r\n');
    send(seen[0]!, 'down');
    assert.equal(seen[0]!.body, 'earlyGET / not http\r\n\r\n');
    assert.equal(await s.output(), 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: x\r\n\r\ndown');
    s.eof();
    assert.equal(seen[0]!.done, true);
    assert.equal(s.socket.destroyed, false);
    send(seen[0]!, 'last');
    seen[0]!.client.end(null);
    assert.match(await s.output(), /downlast$/);
    assert.equal(s.socket.destroyed, true);
  });

  it('Upgrade refused: an ordinary response, and early bytes are not read as a request', async () => {
    const { seen, service } = recorder(answerOk, true);
    const s = memoryServer(service);
    s.feed(`GET / HTTP/1.1\r\n${H}Connection: upgrade\r\nUpgrade: x\r\n\r\n${GET}`);
    assert.match(await s.output(), /^HTTP\/1\.1 200 OK\r\n[^]*connection: close/);
    assert.equal(seen.length, 1);
  });

  it('CONNECT: a 2xx opens the tunnel and has no length', async () => {
    const { seen, service } = recorder((one) => one.client.head(new ResponseHead(200, ['a', 'b'], 5)), true);
    const s = memoryServer(service);
    s.feed('CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n');
    s.feed('up');
    send(seen[0]!, 'down');
    assert.equal(seen[0]!.body, 'up');
    assert.equal(await s.output(), 'HTTP/1.1 200 OK\r\na: b\r\n\r\ndown');
  });

  it('an unasked-for 101 is a failure of the service', async () => {
    const { service } = recorder((one) => one.client.head(new ResponseHead(101, [])));
    const s = memoryServer(service);
    s.feed(GET);
    assert.match(await s.output(), /^HTTP\/1\.1 502 /);
  });
});
