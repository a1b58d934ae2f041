import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import http2 from 'node:http2';
import * as fc from 'fast-check';
import { held } from '../io/held.ts';
import { type Chain, type Answer, fetchOne, startChain } from './chain.testkit.ts';

const MIB = 1024 * 1024;
const digest = (b: Buffer): string => createHash('sha256').update(b).digest('hex');

async function echo(stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders): Promise<void> {
  const parts: Buffer[] = [];
  for await (const b of stream) parts.push(b as Buffer);
  stream.respond({ ':status': 200, 'x-method': headers[':method'], 'x-path': headers[':path'], 'x-authority': headers[':authority'] });
  stream.end(Buffer.concat(parts));
}

describe('http2: between node:http2 peers', () => {
  let chain: Chain;
  afterEach(() => chain.close());

  for (const size of [0, 1, 64 * 1024, 20 * MIB]) {
    it(`carries a body of ${size} octets both ways`, async () => {
      chain = await startChain((stream, headers) => void echo(stream, headers));
      const body = randomBytes(size);
      const answer = await fetchOne(chain.client, { ':method': 'POST', ':path': '/a?b=c', 'content-length': size }, body);
      assert.equal(answer.status, 200);
      assert.equal(answer.headers['x-method'], 'POST');
      assert.equal(answer.headers['x-path'], '/a?b=c');
      assert.equal(answer.headers['x-authority'], `127.0.0.1:${chain.port}`);
      assert.equal(digest(answer.body), digest(body));
      assert.deepEqual(chain.counted, []);
      assert.equal(chain.upstream.active, 0);
      assert.equal(chain.served[0]!.active, 0);
    });
  }

  it('carries trailers both ways', async () => {
    chain = await startChain((stream) => {
      stream.on('trailers', (t) => {
        stream.respond({ ':status': 200 }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'x-back': String(t['x-there']) }));
        stream.end('body');
      });
      stream.resume();
    });
    const answer = await new Promise<Answer>((done, failed) => {
      const stream = chain.client.request({ ':method': 'POST', ':path': '/' }, { waitForTrailers: true });
      const got: Answer = { status: 0, headers: {}, body: Buffer.alloc(0), trailers: null };
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-there': 'abc' }));
      stream.on('response', (h) => { got.status = Number(h[':status']); });
      stream.on('trailers', (t) => { got.trailers = t; });
      stream.on('data', (b: Buffer) => { got.body = Buffer.concat([got.body, b]); });
      stream.on('error', failed);
      stream.on('close', () => done(got));
      stream.end('request body');
    });
    assert.equal(answer.status, 200);
    assert.equal(answer.body.toString(), 'body');
    assert.equal(answer.trailers?.['grpc-status'], '0');
    assert.equal(answer.trailers?.['x-back'], 'abc');
  });

  it('carries a response of trailers only, HEAD, 204 and 304', async () => {
    chain = await startChain((stream, headers) => {
      const path = headers[':path']!;
      if (path === '/grpc') stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '5' }, { endStream: true });
      else if (path === '/head') stream.respond({ ':status': 200, 'content-length': 1234 }, { endStream: true });
      else stream.respond({ ':status': Number(path.slice(1)) }, { endStream: true });
    });
    assert.equal((await fetchOne(chain.client, { ':path': '/grpc' })).headers['grpc-status'], '5');
    const head = await fetchOne(chain.client, { ':method': 'HEAD', ':path': '/head' });
    assert.equal(head.headers['content-length'], '1234');
    for (const status of [204, 304, 404]) assert.equal((await fetchOne(chain.client, { ':path': `/${status}` })).status, status);
    assert.deepEqual(chain.counted, []);
  });

  it('carries informational responses', async () => {
    chain = await startChain((stream) => {
      stream.additionalHeaders({ ':status': 103, 'link': '</a.css>; rel=preload' });
      stream.respond({ ':status': 200 });
      stream.end('x');
    });
    const stream = chain.client.request({ ':path': '/' });
    const early = await new Promise<http2.IncomingHttpHeaders>((done) => void stream.on('headers', done));
    assert.equal(early[':status'], 103);
    assert.equal(early['link'], '</a.css>; rel=preload');
    await new Promise((done) => void stream.resume().on('close', done));
  });

  it('carries header lists that need CONTINUATION, and joins cookies', async () => {
    chain = await startChain((stream, headers) => {
      stream.respond({ ':status': 200, 'x-size': JSON.stringify(headers).length, 'x-cookie': String(headers.cookie), 'x-back': 'b'.repeat(30_000), 'x-more': 'c'.repeat(20_000) });
      stream.end();
    });
    const big = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`x-big-${i}`, String(i).repeat(1200)]));
    const answer = await fetchOne(chain.client, { ':path': '/', ...big, 'cookie': ['a=1', 'b=2'] });
    assert.equal(answer.headers['x-cookie'], 'a=1; b=2');
    assert.equal(answer.headers['x-back'], 'b'.repeat(30_000));
    assert.equal(answer.headers['x-more'], 'c'.repeat(20_000));
    assert.ok(Number(answer.headers['x-size']) > 30_000);
  });

  it('carries any fields as they are, with tables of any size, marked never to be indexed or not', async () => {
    let seen: string[] = [];
    const answers: http2.OutgoingHttpHeaders[] = [];
    chain = await startChain((stream, headers) => {
      seen = Object.entries(headers).filter(([k]) => k.startsWith('x-')).flatMap(([k, v]) => [k, String(v)]);
      stream.respond({ ':status': 200, ...answers.shift() });
      stream.end();
    }, { headerTableSize: 200 });
    const name = fc.string({ unit: fc.constantFrom(...'abc019-_'.split('')), minLength: 1, maxLength: 30 }).map((s) => `x-${s}`);
    const value = fc.string({ unit: fc.constantFrom(...' !"#$%&()*+,-./09:;<=>?@AZ[]^_`az{|}~\u00e9\u00ff'.split('')), maxLength: 200 }).map((s) => s.trim());
    const list = fc.dictionary(name, value, { maxKeys: 12 });
    const settle = async (): Promise<void> => new Promise<void>((done) => chain.client.settings({ headerTableSize: 4096 }, () => done()));
    await fc.assert(fc.asyncProperty(list, list, fc.boolean(), async (there, back, secret) => {
      answers.push({ ...back });
      const headers: http2.OutgoingHttpHeaders = { ':path': '/', ...there };
      if (secret) Object.assign(headers, { [http2.sensitiveHeaders]: Object.keys(there).slice(0, 2) });
      const answer = await fetchOne(chain.client, headers);
      assert.deepEqual(seen, Object.entries(there).flat());
      assert.deepEqual(Object.entries(answer.headers).filter(([k]) => k.startsWith('x-')).flatMap(([k, v]) => [k, String(v)]), Object.entries(back).flat());
      if (secret) await settle();
    }), { numRuns: 150 });
    assert.deepEqual(chain.counted, []);
  });

  it('carries many streams at once, each with its own answer', async () => {
    chain = await startChain((stream, headers) => void echo(stream, headers));
    const bodies = Array.from({ length: 400 }, (_, i) => randomBytes((i * 397) % 9000));
    const answers = await Promise.all(bodies.map((b, i) => fetchOne(chain.client, { ':method': 'POST', ':path': `/${i}` }, b)));
    answers.forEach((a, i) => {
      assert.equal(a.headers['x-path'], `/${i}`);
      assert.ok(a.body.equals(bodies[i]!));
    });
    assert.equal(chain.upstream.active, 0);
  });

  it('keeps memory bounded while a client does not read, and delivers everything when it does', async () => {
    let sent = 0;
    const piece = Buffer.alloc(64 * 1024, 7);
    const total = 20 * MIB;
    chain = await startChain((stream) => {
      stream.respond({ ':status': 200 });
      const push = (): void => {
        while (sent < total) {
          sent += piece.length;
          if (!stream.write(piece)) return void stream.once('drain', push);
        }
        stream.end();
      };
      push();
    });
    const stream = chain.client.request({ ':path': '/' });
    stream.pause();
    let before = -1;
    while (before !== sent) {
      before = sent;
      await new Promise((done) => setTimeout(done, 100));
    }
    assert.ok(sent < 4 * MIB, `the origin could send ${sent} octets`);
    let received = 0;
    stream.on('data', (b: Buffer) => { received += b.length; });
    stream.resume();
    await new Promise((done) => void stream.on('end', done));
    assert.equal(received, total);
  });

  it('keeps memory bounded while the origin does not read', async () => {
    let received = 0;
    let go = (): void => {};
    chain = await startChain((stream) => {
      stream.pause();
      go = () => {
        stream.on('data', (b: Buffer) => { received += b.length; }).resume();
        stream.on('end', () => {
          stream.respond({ ':status': 200 });
          stream.end();
        });
      };
    });
    const stream = chain.client.request({ ':method': 'PUT', ':path': '/' });
    const piece = Buffer.alloc(64 * 1024, 7);
    const total = 20 * MIB;
    let sent = 0;
    const push = (): void => {
      while (sent < total) {
        sent += piece.length;
        if (!stream.write(piece)) return void stream.once('drain', push);
      }
      stream.end();
    };
    push();
    let before = -1;
    while (before !== sent) {
      before = sent;
      await new Promise((done) => setTimeout(done, 100));
    }
    assert.ok(sent < 4 * MIB, `the client could send ${sent} octets`);
    go();
    await new Promise((done) => void stream.resume().on('close', done));
    assert.equal(received, total);
  });

  it('a stream that is not read does not hold up the others', async () => {
    const body = randomBytes(1 * MIB);
    chain = await startChain((stream) => {
      stream.respond({ ':status': 200 });
      stream.end(body);
    });
    const stuck = Array.from({ length: 30 }, () => {
      const s = chain.client.request({ ':path': '/stuck' });
      s.pause();
      return s;
    });
    for (let i = 0; i < 5; i++) assert.ok((await fetchOne(chain.client, { ':path': '/' })).body.equals(body));
    for (const s of stuck) s.close(http2.constants.NGHTTP2_CANCEL);
  });

  it('carries resets in both directions', async () => {
    const codes: number[] = [];
    chain = await startChain((stream, headers) => {
      stream.on('error', () => {});
      if (headers[':path'] === '/refuse') return stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
      stream.on('close', () => codes.push(stream.rstCode));
      stream.respond({ ':status': 200 });
      stream.write('start');
    });
    await assert.rejects(fetchOne(chain.client, { ':path': '/refuse' }), /NGHTTP2_REFUSED_STREAM/);
    const stream = chain.client.request({ ':path': '/' });
    stream.on('error', () => {});
    await new Promise((done) => void stream.once('data', done));
    stream.close(http2.constants.NGHTTP2_CANCEL);
    while (codes.length === 0) await new Promise((done) => setTimeout(done, 5));
    assert.deepEqual(codes, [http2.constants.NGHTTP2_CANCEL]);
    assert.equal(chain.upstream.active, 0);
  });

  it('ends a request early when its response is complete', async () => {
    chain = await startChain((stream) => {
      stream.on('error', () => {});
      stream.respond({ ':status': 413 }, { endStream: true });
    });
    const stream = chain.client.request({ ':method': 'POST', ':path': '/' });
    stream.on('error', () => {});
    stream.write('the start of a long body');
    const status = await new Promise((done) => void stream.on('response', (h) => done(h[':status'])));
    assert.equal(status, 413);
    stream.resume();
    await new Promise((done) => void stream.on('close', done));
    assert.equal(stream.rstCode, 0);
    assert.equal(chain.served[0]!.active, 0);
    while (chain.upstream.active > 0) await new Promise((done) => setTimeout(done, 5));
    assert.equal((await fetchOne(chain.client, { ':method': 'POST', ':path': '/' }, Buffer.from('x'))).status, 413);
  });

  it('leaves nothing behind after requests of all kinds, broken off on either side at any moment', async () => {
    const behaviour = fc.record({
      up: fc.constantFrom(0, 10, 70_000, 300_000), down: fc.constantFrom(0, 10, 70_000, 300_000), cancelAfter: fc.option(fc.nat(400_000), { freq: 2 }), breakAfter: fc.option(fc.nat(300_000), { freq: 3 }),
      answerFirst: fc.boolean(), trailers: fc.boolean(), pause: fc.boolean(),
    });
    chain = await startChain((stream, headers) => {
      stream.on('error', () => {});
      const [size, breakAfter, first, trailers] = JSON.parse(String(headers['x-do'])) as [number, number | null, boolean, boolean];
      let got = 0;
      const answer = (): void => {
        if (stream.destroyed || stream.closed || stream.headersSent) return;
        stream.respond({ ':status': 200 }, { waitForTrailers: trailers });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'x-end': '1' }));
        stream.end(Buffer.alloc(size, 1));
      };
      if (first) answer();
      stream.on('data', (b: Buffer) => {
        got += b.length;
        if (breakAfter !== null && got > breakAfter) stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
      });
      stream.on('end', answer);
    });
    const one = async (b: { up: number; down: number; cancelAfter: number | null; breakAfter: number | null; answerFirst: boolean; trailers: boolean; pause: boolean }): Promise<void> => new Promise((done) => {
      const stream = chain.client.request({ ':method': 'POST', ':path': '/', 'x-do': JSON.stringify([b.down, b.breakAfter, b.answerFirst, b.trailers]) });
      let got = 0;
      stream.on('error', () => {}).on('close', done);
      stream.on('data', (d: Buffer) => {
        got += d.length;
        if (b.cancelAfter !== null && got > b.cancelAfter) stream.close(http2.constants.NGHTTP2_CANCEL);
        else if (b.pause) {
          stream.pause();
          setTimeout(() => stream.resume(), 1);
        }
      });
      stream.on('end', () => {
        // Answered early: what is left of the request is not wanted.
        if (!stream.writableFinished) stream.destroy();
      });
      stream.end(Buffer.alloc(b.up, 2));
    });
    const before = held.total;
    await fc.assert(fc.asyncProperty(fc.array(behaviour, { minLength: 1, maxLength: 40 }), async (all) => {
      await Promise.all(all.map(one));
      for (let i = 0; i < 200 && chain.upstream.active + chain.served[0]!.active > 0; i++) await new Promise((done) => setTimeout(done, 10));
      assert.equal(chain.served[0]!.active, 0);
      assert.equal(chain.upstream.active, 0);
      assert.equal(held.total, before);
      assert.ok(!chain.upstream.closed);
    }), { numRuns: 30 });
    assert.deepEqual(chain.counted, []);
  });

  it('loses no request when it drains', async () => {
    const seen = new Set<string>();
    chain = await startChain((stream, headers) => {
      seen.add(headers[':path']!);
      void echo(stream, headers);
    });
    const results: Promise<Answer | Error>[] = [];
    const signs: string[] = [];
    chain.client.on('goaway', () => signs.push('goaway'));
    for (let i = 0; signs.length === 0 && i < 5000; i++) {
      if (i === 20) chain.served[0]!.drain();
      results.push(fetchOne(chain.client, { ':method': 'POST', ':path': `/${i}` }, Buffer.from(String(i))).catch((e: Error) => e));
      await new Promise((done) => setImmediate(done));
    }
    assert.ok(results.length > 20);
    const answers = await Promise.all(results);
    let served = 0;
    answers.forEach((a, i) => {
      if (a instanceof Error) {
        // Requests that Node's client still held when it read the first GOAWAY never left it.
        assert.match(a.message, /REFUSED_STREAM/);
        assert.ok(!seen.has(`/${i}`));
      } else {
        served++;
        assert.equal(a.body.toString(), String(i));
      }
    });
    assert.ok(served >= 20);
    if (!chain.client.destroyed) await new Promise((done) => void chain.client.on('close', done));
  });
});
