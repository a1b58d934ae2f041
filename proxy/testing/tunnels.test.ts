/** Tunnels through two proxies: WebSocket over HTTP/1 and over HTTP/2, CONNECT over both; bytes both ways, half-close, refusal. */
import assert from 'node:assert/strict';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import { startPair, type Mesh } from './pair.ts';

/** A masked text frame, as a client sends it (RFC 6455 5.2); the mask is zero. */
const textFrame = (text: string): Buffer => Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);

async function collect(stream: Duplex, bytes: number): Promise<Buffer> {
  let got = Buffer.alloc(0);
  while (got.length < bytes) {
    const piece = stream.read() as Buffer | null;
    if (piece === null) await new Promise((r) => { stream.once('readable', r); });
    else got = Buffer.concat([got, piece]);
  }
  return got;
}

describe('tunnels through two proxies', () => {
  let app: http.Server;
  let mesh: Mesh;
  let session: http2.ClientHttp2Session;

  before(async () => {
    app = http.createServer((_req, res) => res.writeHead(426, { connection: 'upgrade', upgrade: 'websocket' }).end('only tunnels'));
    const sockets = new WebSocketServer({ noServer: true });
    app.on('upgrade', (req, socket, head) => {
      if (req.url !== '/chat') {
        socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno');
        return;
      }
      sockets.handleUpgrade(req, socket, head, (ws) => {
        ws.send('hello');
        ws.on('message', (data, binary) => ws.send(data, { binary }));
      });
    });
    app.on('connect', (req, socket: net.Socket) => {
      if (req.url === 'refused:1') {
        socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
        return;
      }
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      socket.on('data', (b) => socket.write(b));
      socket.on('end', () => socket.end('bye'));
    });
    await new Promise<void>((r) => { app.listen(0, '127.0.0.1', r); });
    mesh = await startPair((app.address() as net.AddressInfo).port);
    session = http2.connect(`http://127.0.0.1:${mesh.client.outboundPort}`);
    await new Promise((r) => { session.once('remoteSettings', r); });
  });
  after(async () => {
    session.destroy();
    await mesh.close();
    app.closeAllConnections();
    await new Promise((r) => { app.close(r); });
  });

  const overHttp2 = async (headers: http2.OutgoingHttpHeaders): Promise<{ stream: http2.ClientHttp2Stream; status: number }> => {
    const stream = session.request(headers, { endStream: false });
    stream.on('error', () => {});
    const [response] = await new Promise<[http2.IncomingHttpHeaders]>((resolve, reject) => {
      stream.once('response', (h) => resolve([h]));
      stream.once('close', () => reject(new Error(`closed by ${stream.rstCode}`)));
    });
    return { stream, status: response[':status'] as unknown as number };
  };

  it('WebSocket over HTTP/1', async () => {
    const ws = new WebSocket(`ws://127.0.0.1:${mesh.client.outboundPort}/chat`);
    const messages: string[] = [];
    ws.on('message', (data) => messages.push((data as Buffer).toString()));
    await new Promise((resolve, reject) => { ws.once('open', resolve).once('error', reject); });
    const big = 'x'.repeat(1_000_000);
    ws.send('one');
    ws.send(big);
    while (messages.length < 3) await new Promise((r) => { ws.once('message', r); });
    assert.deepEqual(messages.map((m) => m.length), [5, 3, big.length]);
    ws.close();
    await new Promise((r) => { ws.once('close', r); });
  });

  it('WebSocket over HTTP/2, to a server that knows HTTP/1 alone', async () => {
    assert.equal(session.remoteSettings.enableConnectProtocol, true);
    const { stream, status } = await overHttp2({ ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'http', ':path': '/chat', ':authority': 'web.test', 'sec-websocket-version': '13' });
    assert.equal(status, 200);
    stream.write(textFrame('one'));
    assert.deepEqual(await collect(stream, 12), Buffer.from('\x81\x05hello\x81\x03one', 'latin1'));
    // A close frame: the server answers with one and ends the tunnel.
    stream.end(Buffer.from([0x88, 0x80, 0, 0, 0, 0]));
    assert.deepEqual(await collect(stream, 2), Buffer.from([0x88, 0]));
    await new Promise((r) => { stream.resume().once('close', r); });
    assert.equal(stream.rstCode, 0);
  });

  it('refused over either, it is an ordinary response', async () => {
    const ws = new WebSocket(`ws://127.0.0.1:${mesh.client.outboundPort}/other`);
    const error = await new Promise<Error>((r) => { ws.once('error', r); });
    assert.match(error.message, /403/);
    const { stream, status } = await overHttp2({ ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'http', ':path': '/other', ':authority': 'web.test' });
    assert.equal(status, 403);
    assert.equal((await collect(stream, 2)).toString(), 'no');
  });

  it('a 426 says what to switch to, though HTTP/2 lies between', async () => {
    const res = await new Promise<http.IncomingMessage>((resolve, reject) => {
      http.get({ host: '127.0.0.1', port: mesh.client.outboundPort, path: '/plain' }, resolve).once('error', reject);
    });
    res.resume();
    assert.equal(res.statusCode, 426);
    assert.equal(res.headers.upgrade, 'websocket');
    assert.match(res.headers.connection ?? '', /upgrade/);
    assert.deepEqual(Object.keys(res.headers).filter((name) => name.startsWith('l5d-')), []);
  });

  it('CONNECT over HTTP/1, with half-close', async () => {
    const socket = net.connect({ port: mesh.client.outboundPort, host: '127.0.0.1', allowHalfOpen: true });
    socket.write('CONNECT web.test:443 HTTP/1.1\r\nHost: web.test:443\r\n\r\n');
    assert.match((await collect(socket, 19)).toString(), /^HTTP\/1.1 200 OK\r\n/);
    socket.end('bytes');
    assert.equal((await collect(socket, 8)).toString(), 'bytesbye');
    await new Promise((r) => { socket.resume().once('end', r); });
    socket.destroy();
  });

  it('CONNECT over HTTP/1 refused', async () => {
    const socket = net.connect({ port: mesh.client.outboundPort, host: '127.0.0.1', allowHalfOpen: true });
    socket.write('CONNECT refused:1 HTTP/1.1\r\nHost: refused:1\r\n\r\n');
    assert.match((await collect(socket, 22)).toString(), /^HTTP\/1.1 403 Forbidden/);
    socket.destroy();
  });
});
