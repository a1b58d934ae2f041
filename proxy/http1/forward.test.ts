/** The codec between programs that others wrote: node:http, undici, ws, curl on either side, over real sockets. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Agent, request } from 'undici';
import { WebSocket, WebSocketServer } from 'ws';
import { startForwarder, type Forwarder } from './forwarder.testkit.ts';

const MB = 1024 * 1024;

/** All that a raw connection gets until it ends or `enough` says so. */
async function raw(port: number, bytes: string, enough: (got: string) => boolean = () => false, fin = false): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let got = '';
  socket.setEncoding('latin1');
  socket.write(bytes, 'latin1');
  if (fin) socket.end();
  await new Promise<void>((resolve, reject) => {
    socket.on('data', (s: string) => {
      got += s;
      if (enough(got)) resolve();
    });
    socket.once('end', resolve);
    socket.once('error', reject);
  });
  socket.destroy();
  return got;
}

describe('HTTP/1 through the codec', () => {
  const agents: Agent[] = [];
  let upstream: http.Server;
  let proxy: Forwarder;
  let base: string;
  let requests: http.IncomingMessage[] = [];

  const handler = (req: http.IncomingMessage, res: http.ServerResponse): void => {
    requests.push(req);
    const url = new URL(req.url!, 'http://x');
    if (url.pathname === '/echo') {
      res.writeHead(200, { 'x-length': req.headers['content-length'] ?? 'none' });
      req.pipe(res);
      return;
    }
    if (url.pathname === '/size') {
      let n = 0;
      req.on('data', (b: Buffer) => { n += b.length; });
      req.on('end', () => res.end(JSON.stringify({ n, trailers: req.trailers })));
      return;
    }
    if (url.pathname === '/bytes') {
      const total = Number(url.searchParams.get('n'));
      if (url.searchParams.get('length') !== 'no') res.setHeader('content-length', total);
      const piece = Buffer.alloc(64 * 1024, 7);
      let left = total;
      const more = (): void => {
        while (left > 0) {
          const n = Math.min(left, piece.length);
          left -= n;
          if (!res.write(n === piece.length ? piece : piece.subarray(0, n)) && left > 0) {
            res.once('drain', more);
            return;
          }
        }
        res.end();
      };
      more();
      return;
    }
    if (url.pathname === '/trailers') {
      res.writeHead(200, { trailer: 'x-sum' });
      res.write('abc');
      res.addTrailers({ 'x-sum': '3' });
      res.end();
      return;
    }
    if (url.pathname === '/early') {
      res.writeHead(413, { 'content-length': 2 });
      res.end('no');
      return;
    }
    if (url.pathname === '/hints') res.writeEarlyHints({ link: '</x>; rel=preload' });
    if (url.pathname === '/close') res.setHeader('connection', 'close');
    res.end(`${req.method} ${req.url}`);
  };

  before(async () => {
    upstream = http.createServer({ requireHostHeader: false }, handler);
    upstream.on('checkContinue', (req, res) => {
      if (req.url === '/refuse') {
        res.writeHead(417);
        res.end();
      } else {
        res.writeContinue();
        handler(req, res);
      }
    });
    upstream.on('connect', (_req, socket: Socket, head) => {
      socket.write('HTTP/1.1 200 Connected\r\n\r\n');
      socket.write(head);
      socket.pipe(socket);
    });
    new WebSocketServer({ server: upstream }).on('connection', (ws) => {
      ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
    });
    upstream.listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    proxy = await startForwarder((upstream.address() as AddressInfo).port);
    base = `http://127.0.0.1:${proxy.port}`;
  });

  beforeEach(() => { requests = []; });

  after(async () => {
    for (const a of agents) await a.destroy();
    await proxy.close();
    assert.equal(proxy.sweeper.size, 0);
    upstream.closeAllConnections();
    await new Promise<void>((resolve) => { upstream.close(() => resolve()); });
  });

  const agent = (options: Agent.Options = {}): Agent => {
    const a = new Agent(options);
    agents.push(a);
    return a;
  };

  it('keeps connections alive on both sides', async () => {
    const dispatcher = agent({ connections: 1 });
    const before = proxy.clients.size;
    for (let i = 0; i < 20; i++) assert.equal(await (await request(`${base}/${i}`, { dispatcher })).body.text(), `GET /${i}`);
    assert.ok(proxy.clients.size - before <= 1);
    assert.equal(new Set(requests.map((r) => r.socket)).size, 1);
  });

  for (const n of [0, 1, 64 * 1024, 3 * MB]) {
    for (const chunked of [false, true]) {
      it(`echoes ${n} bytes ${chunked ? 'chunked' : 'with a length'}`, async () => {
        const body = Buffer.alloc(n, 'abcdefg');
        const sent = chunked ? (async function* pieces(): AsyncGenerator<Buffer> {
          for (let i = 0; i < n; i += 50_000) yield await Promise.resolve(body.subarray(i, i + 50_000));
        })() : body;
        const res = await request(`${base}/echo`, { method: 'POST', body: sent as never, dispatcher: agent() });
        if (n > 0) assert.equal(res.headers['x-length'], chunked ? 'none' : String(n));
        assert.ok(Buffer.from(await res.body.arrayBuffer()).equals(body));
      });
    }
  }

  it('uploads 100 MiB', async () => {
    const res = await request(`${base}/size`, {
      method: 'PUT', dispatcher: agent(), headers: { 'content-length': String(100 * MB) },
      body: (async function* pieces(): AsyncGenerator<Buffer> {
        const piece = Buffer.alloc(MB);
        for (let i = 0; i < 100; i++) yield await Promise.resolve(piece);
      })() as never,
    });
    assert.deepEqual(await res.body.json(), { n: 100 * MB, trailers: {} });
  });

  for (const length of ['yes', 'no']) {
    it(`downloads 100 MiB, length announced: ${length}`, async () => {
      const res = await request(`${base}/bytes?n=${100 * MB}&length=${length}`, { dispatcher: agent() });
      let n = 0;
      for await (const chunk of res.body) n += (chunk as Buffer).length;
      assert.equal(n, 100 * MB);
    });
  }

  it('a reader that stops holds back the upstream and costs bounded memory', async () => {
    let sent = 0;
    const source = createServer((socket) => {
      socket.once('data', () => {
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${100 * MB}\r\n\r\n`);
        const piece = Buffer.alloc(64 * 1024);
        const more = (): void => {
          while (sent < 100 * MB) {
            sent += piece.length;
            if (!socket.write(piece)) return;
          }
        };
        socket.on('drain', more);
        more();
      });
    });
    source.listen(0, '127.0.0.1');
    await once(source, 'listening');
    const slow = await startForwarder((source.address() as AddressInfo).port);
    const reader = connect(slow.port, '127.0.0.1');
    reader.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    reader.pause();
    const quiet = async (): Promise<void> => {
      for (let last = -1; last !== sent;) {
        last = sent;
        await new Promise((resolve) => { setTimeout(resolve, 300); });
      }
    };
    await quiet();
    assert.ok(sent < 40 * MB, `${sent} bytes left the source for a client that reads nothing`);
    const [socket] = slow.sockets;
    assert.ok(socket!.writableLength < MB, `${socket!.writableLength} bytes are buffered`);
    let got = 0;
    reader.resume();
    for await (const chunk of reader) {
      got += (chunk as Buffer).length;
      if (got >= 100 * MB) break;
    }
    assert.ok(got >= 100 * MB);
    reader.destroy();
    await slow.close();
    source.close();
  }).timeout(60_000);

  it('trailers both ways', async () => {
    const res = await request(`${base}/trailers`, { dispatcher: agent() });
    assert.equal(await res.body.text(), 'abc');
    assert.deepEqual(res.trailers, { 'x-sum': '3' });
    const up = http.request(`${base}/size`, { method: 'POST', headers: { trailer: 'x-t', 'transfer-encoding': 'chunked' } });
    up.write('hello');
    up.addTrailers({ 'x-t': 'yes' });
    up.end();
    const [answer] = await once(up, 'response') as [http.IncomingMessage];
    let text = '';
    for await (const chunk of answer) text += String(chunk);
    assert.deepEqual(JSON.parse(text), { n: 5, trailers: { 'x-t': 'yes' } });
  });

  it('early hints', async () => {
    const req = http.get(`${base}/hints`);
    const seen: unknown[] = [];
    req.on('information', (info: http.InformationEvent) => seen.push(info.statusCode, info.headers['link']));
    const [res] = await once(req, 'response') as [http.IncomingMessage];
    res.resume();
    await once(res, 'end');
    assert.deepEqual(seen, [103, '</x>; rel=preload']);
  });

  it('Expect: 100-continue, granted and refused', async () => {
    const req = http.request(`${base}/echo`, { method: 'POST', headers: { expect: '100-continue', 'content-length': 5 } });
    req.flushHeaders();
    await once(req, 'continue');
    req.end('hello');
    const [res] = await once(req, 'response') as [http.IncomingMessage];
    let text = '';
    for await (const chunk of res) text += String(chunk);
    assert.equal(text, 'hello');
    const refused = http.request(`${base}/refuse`, { method: 'POST', headers: { expect: '100-continue', 'content-length': 5 } });
    refused.on('error', () => {});
    refused.flushHeaders();
    const [answer] = await once(refused, 'response') as [http.IncomingMessage];
    answer.resume();
    assert.deepEqual([answer.statusCode, answer.headers.connection], [417, 'close']);
    refused.destroy();
  });

  it('an answer before the request body is complete', async () => {
    const got = await raw(proxy.port, `POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc`, (s) => s.endsWith('no'));
    assert.match(got, /^HTTP\/1\.1 413 /);
  });

  it('HEAD, 204 and 304', async () => {
    const res = await request(`${base}/x`, { method: 'HEAD', dispatcher: agent() });
    assert.equal(await res.body.text(), '');
    assert.equal(res.statusCode, 200);
  });

  it('WebSocket', async () => {
    const ws = new WebSocket(`ws://127.0.0.1:${proxy.port}/chat`);
    await once(ws, 'open');
    for (const size of [0, 1, 200, 100_000, MB]) {
      const message = Buffer.alloc(size, size % 251);
      ws.send(message);
      const [got] = await once(ws, 'message') as [Buffer];
      assert.ok(got.equals(message));
    }
    ws.close(1000);
    assert.equal((await once(ws, 'close'))[0], 1000);
  });

  it('CONNECT, with half-close', async () => {
    const req = http.request({ host: '127.0.0.1', port: proxy.port, method: 'CONNECT', path: 'db.example:5432' });
    req.end();
    const [res, socket] = await once(req, 'connect') as [http.IncomingMessage, Socket];
    assert.equal(res.statusCode, 200);
    let got = '';
    socket.setEncoding('latin1');
    socket.on('data', (s: string) => { got += s; });
    socket.end('through the tunnel');
    await once(socket, 'end');
    assert.equal(got, 'through the tunnel');
  });

  it('pipelining, in order', async () => {
    const n = 50;
    const bytes = Array.from({ length: n }, (_, i) => `GET /${i} HTTP/1.1\r\nHost: a\r\n${i === n - 1 ? 'Connection: close\r\n' : ''}\r\n`).join('');
    const got = await raw(proxy.port, bytes);
    assert.deepEqual([...got.matchAll(/GET \/(\d+)$|GET \/(\d+)HTTP/g)].map((m) => Number(m[1] ?? m[2])), Array.from({ length: n }, (_, i) => i));
  });

  it('HTTP/1.0: no chunks, the end of the connection ends the body', async () => {
    const got = await raw(proxy.port, 'GET /bytes?n=10&length=no HTTP/1.0\r\n\r\n');
    const [head, body] = got.split('\r\n\r\n');
    assert.doesNotMatch(head!, /transfer-encoding/);
    assert.equal(body!.length, 10);
  });

  it('a client that sends FIN after its request gets the response', async () => {
    assert.match(await raw(proxy.port, 'GET /fin HTTP/1.1\r\nHost: a\r\n\r\n', undefined, true), /GET \/fin$/);
  });

  it('absolute-form goes on as absolute-form', async () => {
    const got = await raw(proxy.port, 'GET http://other.example/p?q HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    assert.match(got, /GET http:\/\/other\.example\/p\?q$/);
    assert.equal(requests[0]!.headers.host, 'other.example');
  });

  it('a server that closes after each response', async () => {
    const dispatcher = agent({ connections: 1 });
    for (let i = 0; i < 5; i++) assert.equal(await (await request(`${base}/close`, { dispatcher })).body.text(), 'GET /close');
  });

  it('curl: GET, POST, upload by chunks, Expect', async () => {
    const curl = async (...args: string[]): Promise<string> => new Promise((resolve, reject) => {
      const child = execFile('curl', ['-sS', '--max-time', '20', ...args], (e, stdout) => (e ? reject(e) : resolve(stdout)));
      child.stdin!.end('piped');
    });
    assert.equal(await curl(`${base}/c`, `${base}/d`), 'GET /cGET /d');
    assert.equal(await curl('-d', 'a=b', `${base}/echo`), 'a=b');
    assert.equal(await curl('-T', '-', `${base}/echo`), 'piped');
    assert.equal(await curl('-H', 'Expect: 100-continue', '--data-binary', '@-', `${base}/echo`), 'piped');
    assert.equal(await curl('--http1.0', `${base}/old`), 'GET /old');
  });

  it('nothing was refused in all of this', () => {
    assert.deepEqual(proxy.counted, []);
  });
});
