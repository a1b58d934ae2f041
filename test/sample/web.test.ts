import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request, type IncomingMessage, type RequestOptions } from 'node:http';
import { connect } from 'node:net';
import { WebSocket } from 'ws';
import { openShop, type Shop } from './fixture.test.ts';
import { openHttp } from './http-client.ts';
import { SHELF } from './shelf.ts';
import { BYTES_PERIOD } from './web.ts';

describe('sample web', () => {
  let shop: Shop;
  beforeEach(async () => { shop = await openShop(); });
  afterEach(async () => { await shop.close(); });

  function start(method: string, path: string, options: RequestOptions = {}) {
    return request(`${shop.env.web}${path}`, { method, agent: false, ...options });
  }
  async function whole(res: IncomingMessage): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of res) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  }
  async function get(path: string, method = 'GET'): Promise<{ res: IncomingMessage; body: Buffer }> {
    const req = start(method, path).end();
    const [res] = await once(req, 'response') as [IncomingMessage];
    return { res, body: await whole(res) };
  }

  it('makes its page from books and reviews', async () => {
    const { res, body } = await get('/');
    assert.equal(res.statusCode, 200);
    for (const book of SHELF) assert.ok(body.includes(book.title), book.title);
    assert.ok(body.includes('The fourth way tears the map.'));
  });

  it('says which backend failed', async () => {
    await shop.roles.reviews.close();
    const { res, body } = await get('/');
    assert.equal(res.statusCode, 502);
    assert.match(body.toString(), /^reviews: .*ECONNREFUSED/);
  });

  for (const size of [0, 1, 65_536, 1_000_000]) {
    it(`echoes ${size} bytes with their length`, async () => {
      const sent = Buffer.alloc(size, 'a page of ink ');
      const req = start('POST', '/echo', { headers: { 'content-length': size } });
      req.end(sent);
      const [res] = await once(req, 'response') as [IncomingMessage];
      assert.equal(res.headers['content-length'], String(size));
      assert.ok((await whole(res)).equals(sent));
    });
  }

  it('echoes a chunked body while it is being sent, and its trailers', async () => {
    const req = start('POST', '/echo', { headers: { 'transfer-encoding': 'chunked', trailer: 'x-checksum' } });
    req.write('first ');
    const [res] = await once(req, 'response') as [IncomingMessage];
    const [first] = await once(res, 'data') as [Buffer];
    assert.equal(first.toString(), 'first ');
    req.addTrailers({ 'X-Checksum': 'abc123' });
    req.end('second');
    assert.equal((await whole(res)).toString(), 'second');
    assert.equal(res.headers.trailer, 'x-checksum');
    assert.deepEqual(res.trailers, { 'x-checksum': 'abc123' });
  });

  it('answers Expect: 100-continue before the body is sent', async () => {
    const req = start('POST', '/echo', { headers: { expect: '100-continue', 'content-length': 5 } });
    // The head of the answer may come in the same packet as the 100.
    const answered = once(req, 'response') as Promise<[IncomingMessage]>;
    req.flushHeaders();
    await once(req, 'continue');
    req.end('hello');
    const [res] = await answered;
    assert.equal((await whole(res)).toString(), 'hello');
  });

  it('sends as many bytes as asked for, in a pattern that shows a loss', async () => {
    const n = 200_003;
    const { res, body } = await get(`/bytes?n=${n}`);
    assert.equal(res.headers['content-length'], String(n));
    assert.equal(body.length, n);
    assert.ok(body.every((byte, i) => byte === i % BYTES_PERIOD));
  });

  it('answers HEAD without a body, 400 to a bad count and 404 to an unknown page', async () => {
    const head = await get('/bytes?n=70', 'HEAD');
    assert.deepEqual([head.res.statusCode, head.res.headers['content-length'], head.body.length], [200, '70', 0]);
    for (const n of ['', '-1', '1e3', '9'.repeat(20)]) assert.equal((await get(`/bytes?n=${n}`)).res.statusCode, 400, n);
    assert.equal((await get('/nowhere')).res.statusCode, 404);
  });

  it('echoes WebSocket messages, text and binary, and says goodbye at the end', async () => {
    const socket = new WebSocket(`${shop.env.web.replace('http', 'ws')}/ws`);
    await once(socket, 'open');
    socket.send('hello');
    assert.deepEqual(await once(socket, 'message'), [Buffer.from('hello'), false]);
    socket.send(Buffer.from([0, 255]));
    assert.deepEqual(await once(socket, 'message'), [Buffer.from([0, 255]), true]);
    const closed = once(socket, 'close');
    await shop.roles.web.close();
    assert.equal((await closed)[0], 1001);
  });

  it('refuses an upgrade elsewhere', async () => {
    const req = start('GET', '/', { headers: { connection: 'upgrade', upgrade: 'websocket' } }).end();
    const [res] = await once(req, 'response') as [IncomingMessage];
    assert.equal(res.statusCode, 404);
    res.resume();
  });

  it('keeps connections open between requests, and gives them back while draining', async () => {
    const http = openHttp(5000);
    const before = await http.call(`${shop.env.web}/readyz`);
    assert.deepEqual([before.status, before.headers.connection], [200, 'keep-alive']);
    shop.roles.web.drain();
    const after = await http.call(`${shop.env.web}/readyz`);
    assert.deepEqual([after.status, after.headers.connection], [503, 'close']);
    assert.equal((await http.call(`${shop.env.web}/`)).status, 200);
    http.close();
  });

  it('finishes what runs when it closes, and accepts nothing new', async () => {
    const req = start('POST', '/echo', { headers: { 'transfer-encoding': 'chunked' } });
    req.write('one ');
    const [res] = await once(req, 'response') as [IncomingMessage];
    shop.roles.web.drain();
    const closed = shop.roles.web.close();
    const refused = connect(shop.roles.web.port, '127.0.0.1');
    assert.equal(((await once(refused, 'error')) as [NodeJS.ErrnoException])[0].code, 'ECONNREFUSED');
    req.end('two');
    assert.equal((await whole(res)).toString(), 'one two');
    await closed;
  });
});
