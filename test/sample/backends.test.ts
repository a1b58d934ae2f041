import assert from 'node:assert/strict';
import { once } from 'node:events';
import { credentials, makeClientConstructor, status, type Client } from '@grpc/grpc-js';
import { connect, type Socket } from 'node:net';
import * as fc from 'fast-check';
import { openBooks } from './books-client.ts';
import { openShop, type Shop } from './fixture.test.ts';
import { everySoOften, ON_PURPOSE } from './flaky.ts';
import { HEALTH_SERVICE } from './grpc-definitions.ts';
import { openHttp } from './http-client.ts';
import { Lines } from './lines.ts';
import { BANNER } from './quotes.ts';
import { askQuotes } from './quotes-client.ts';
import { openReviews } from './reviews-client.ts';
import { QUOTES, REVIEWS, SHELF } from './shelf.ts';

describe('sample backends', () => {
  let shop: Shop;
  beforeEach(async () => { shop = await openShop(); });
  afterEach(async () => { await shop.close(); });

  it('books: unary, server streaming, and a conversation both ways', async () => {
    const books = openBooks(shop.env.books, 5000);
    assert.deepEqual(await books.get('b2'), SHELF[1]);
    assert.deepEqual(await books.list(), SHELF);
    assert.deepEqual((await books.list(1000)).map((b) => b.id), ['b2', 'b6']);
    assert.deepEqual(await books.basket([{ bookId: 'b2', copies: 2 }, { bookId: 'b1', copies: 1 }]), [1798, 3097]);
    books.close();
  });

  it('books: errors carry their status', async () => {
    const books = openBooks(shop.env.books, 5000);
    await assert.rejects(books.get('b99'), { code: status.NOT_FOUND });
    await assert.rejects(books.basket([{ bookId: 'b99', copies: 1 }]), { code: status.INVALID_ARGUMENT });
    books.close();
  });

  it('books: the health service follows the drain', async () => {
    type Health = Client & { Check(request: object, done: (error: Error | null, answer: { status: string }) => void): void };
    const Stub = makeClientConstructor(HEALTH_SERVICE, 'Health');
    const health = new Stub(shop.env.books, credentials.createInsecure()) as unknown as Health;
    const check = () => new Promise<string>((resolve, reject) => health.Check({}, (error, answer) => (error ? reject(error) : resolve(answer.status))));
    assert.equal(await check(), 'SERVING');
    shop.roles.books.drain();
    assert.equal(await check(), 'NOT_SERVING');
    health.close();
  });

  it('reviews: answers over one connection, and over a new one after the server gave it up', async () => {
    const reviews = openReviews(shop.env.reviews, 5000);
    assert.deepEqual(await reviews.of('b1'), REVIEWS['b1']);
    assert.deepEqual(await reviews.of('no such book'), []);
    await shop.roles.reviews.close();
    await assert.rejects(reviews.of('b1'), /ECONNREFUSED/);
    reviews.close();
  });

  it('quotes: speaks first, answers line by line, says what it does not know', async () => {
    const { banner, answers } = await askQuotes(shop.env.quotes, ['COUNT', 'QUOTE 2', 'QUOTE 99', 'HELP'], 5000);
    assert.equal(banner, BANNER);
    assert.deepEqual(answers, [`OK ${QUOTES.length}`, `OK ${QUOTES[1]}`, 'ERR there are quotes 1 to 4', 'ERR say QUOTE [number], COUNT or BYE']);
  });

  function raw(): { socket: Socket; said: Promise<string> } {
    const socket = connect(shop.roles.quotes.port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => { text += chunk.toString(); });
    return { socket, said: once(socket, 'close').then(() => text) };
  }

  it('quotes: a half-closed client still gets its answers', async () => {
    const { socket, said } = raw();
    socket.end('COUNT\r\n');
    assert.equal(await said, `${BANNER}\nOK ${QUOTES.length}\n`);
  });

  it('quotes: refuses a line without an end', async () => {
    const { socket, said } = raw();
    socket.write('x'.repeat(2000));
    assert.equal(await said, `${BANNER}\nERR a line is longer than 1024 bytes\n`);
  });

  it('quotes: says goodbye to open conversations when it closes', async () => {
    const { socket, said } = raw();
    await once(socket, 'data');
    await shop.roles.quotes.close();
    assert.equal(await said, `${BANNER}\nBYE\n`);
  });

  it('flaky: every fifth request fails, marked as meant', async () => {
    const http = openHttp(5000);
    const seen: number[] = [];
    for (let i = 0; i < 10; i++) {
      const { status, headers } = await http.call(`${shop.env.flaky}/`);
      assert.equal(headers[ON_PURPOSE], status === 500 ? 'true' : undefined);
      seen.push(status);
    }
    assert.deepEqual(seen, [200, 200, 200, 200, 500, 200, 200, 200, 200, 500]);
    http.close();
  });
});

describe('sample parts', () => {
  it('everySoOften fails exactly its share of each hundred, evenly spread', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 100 }), (percent) => {
      const fails = everySoOften(percent);
      const hits = Array.from({ length: 100 }, () => fails());
      assert.equal(hits.filter(Boolean).length, percent);
    }));
  });

  it('Lines gives the same lines however the bytes are cut', () => {
    const line = fc.stringMatching(/^[ -~]{0,20}$/);
    fc.assert(fc.property(fc.array(line), fc.array(fc.nat(50)), fc.boolean(), (lines, cuts, crlf) => {
      const bytes = Buffer.from(lines.map((l) => `${l}${crlf ? '\r\n' : '\n'}`).join(''));
      const splitter = new Lines(64);
      const got: string[] = [];
      let at = 0;
      for (const cut of [...cuts, bytes.length]) {
        got.push(...splitter.push(bytes.subarray(at, at + cut)));
        at += cut;
      }
      assert.deepEqual(got, lines);
    }));
  });

  it('Lines bounds the length of a line', () => {
    assert.throws(() => new Lines(4).push(Buffer.from('12345')), RangeError);
    assert.throws(() => new Lines(4).push(Buffer.from('12345\n')), RangeError);
  });
});
