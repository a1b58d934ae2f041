import assert from 'node:assert/strict';
import http from 'node:http';
import * as fc from 'fast-check';
import { RequestHead, type Fields } from '../message/contract.ts';
import { memoryClient, memoryServer, recorder, settled, type Seen } from './memory.testkit.ts';
import { nodeServer } from './oracle.testkit.ts';

const NASTY = ['\r', '\n', '\r\n', '\r\n\r\n', ' ', '\t', ':', ';', ',', '\0', '\x0b', '\x7f', '\x80', '\xff', '0', '1', 'f', '-', '+', '_', '#', '?', '*', '"', 'chunked',
  'Content-Length: 3\r\n', 'Transfer-Encoding: chunked\r\n', 'Host: b\r\n', '0\r\n\r\n', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', 'HTTP/1.0', 'HTTP/1.1'];

const fieldLine = fc.oneof(
  fc.constantFrom('X-A: b', 'x-b:', 'Accept: */*', 'Connection: keep-alive', 'Connection: close', 'Connection: x-a', 'TE: trailers', 'Cookie: a=b; c=d', 'Content-Length: 3',
    'Content-Length: 0', 'Content-Length: 10', 'Transfer-Encoding: chunked', 'transfer-encoding:chunked', 'Transfer-Encoding: gzip', 'Keep-Alive: timeout=1', 'Trailer: x'),
  fc.tuple(fc.stringMatching(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}$/), fc.stringMatching(/^[\t -~\x80-\xff]{0,20}$/)).map(([n, v]) => `${n}: ${v}`),
);
const body = fc.oneof(
  fc.constantFrom('', 'abc', 'abcdefghij', '0\r\n\r\n', '3\r\nabc\r\n0\r\n\r\n', '3;x=y\r\nabc\r\n0\r\nX-T: 1\r\n\r\n', 'a\r\n0123456789\r\n1\r\nz\r\n0\r\n\r\n', '03\r\nabc\r\n00\r\n\r\n'),
);
const oneRequest = fc.tuple(
  fc.constantFrom('GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'OPTIONS', 'PATCH'),
  fc.constantFrom('/', '/a/b?c=d', '*', 'http://h.x/p', '/%20', '/~a;b=c'),
  fc.constantFrom('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0'),
  fc.constantFrom('Host: a\r\n', 'Host: a\r\n', 'Host: a:80\r\n', ''),
  fc.array(fieldLine, { maxLength: 4 }),
  body,
).map(([m, t, v, h, f, b]) => `${m} ${t} ${v}\r\n${h}${f.map((l) => `${l}\r\n`).join('')}\r\n${b}`);

const mutation = fc.tuple(fc.constantFrom('insert', 'replace', 'delete', 'duplicate'), fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(...NASTY), fc.nat(6));

function mutate(s: string, list: [string, number, string, number][]): string {
  for (const [kind, where, what, n] of list) {
    const at = Math.floor(where * s.length);
    if (kind === 'insert') s = s.slice(0, at) + what + s.slice(at);
    else if (kind === 'replace') s = s.slice(0, at) + what + s.slice(at + n);
    else if (kind === 'delete') s = s.slice(0, at) + s.slice(at + n + 1);
    else s = s.slice(0, at) + s.slice(at, at + n * 8) + s.slice(at);
  }
  return s;
}

const requests = fc.tuple(fc.array(oneRequest, { minLength: 1, maxLength: 3 }), fc.array(mutation, { maxLength: 3 })).map(([r, m]) => mutate(r.join(''), m));

/** Hop-by-hop and other fields that the two sides show differently; the rest must agree in order. */
const HIDDEN = new Set(['host', 'connection', 'content-length', 'transfer-encoding', 'keep-alive', 'proxy-connection', 'upgrade', 'te', 'expect']);

function comparable(fields: Fields, named: Set<string>): string[] {
  const out: string[] = [];
  for (let i = 0; i < fields.length; i += 2) if (!HIDDEN.has(fields[i]!) && !named.has(fields[i]!)) out.push(`${fields[i]}: ${fields[i + 1]}`);
  return out;
}

async function ours(bytes: Buffer, cuts: number[] = []): Promise<{ seen: Seen[]; counted: string[]; output: string }> {
  const { seen, service } = recorder();
  const s = memoryServer(service);
  let from = 0;
  for (const cut of [...cuts.map((c) => c % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)) {
    s.feed(bytes.subarray(from, cut));
    from = cut;
    if (cuts.length > 0) await Promise.resolve();
  }
  const output = await s.output();
  s.socket.destroy();
  await settled();
  return { seen, counted: s.counted, output };
}

/** Bytes with two faults may be refused for either: which is met first depends on how they arrive. */
const summary = (r: { seen: Seen[]; counted: string[]; output: string }): unknown => ({
  refused: r.counted.length, answers: r.output.split('HTTP/1.1 200 OK\r\n').length, closes: r.output.includes('connection: close'),
  seen: r.seen.map((one) => [one.head.method, one.head.path, one.head.authority, one.head.fields, one.ended, one.body, one.done, one.trailers]),
});

describe('HTTP/1 fuzz', () => {
  it('what is taken as a request, Node takes as the same request', async () => {
    const node = nodeServer();
    await fc.assert(fc.asyncProperty(requests, async (text) => {
      // Node knows neither other methods nor other minor versions, takes no target beyond ASCII, and has its own idea of Upgrade.
      fc.pre(!/HTTP\/1\.[2-9]|upgrade/i.test(text));
      const bytes = Buffer.from(text, 'latin1');
      const mine = await ours(bytes);
      const complete = mine.seen.filter((one) => one.done);
      fc.pre(complete.every((one) => http.METHODS.includes(one.head.method) && one.head.method !== 'CONNECT' && !/[\x80-\xff]/.test(one.head.path)));
      const theirs = await node.parse(bytes);
      for (const [i, one] of complete.entries()) {
        const other = theirs.requests[i];
        assert.ok(other, `request ${i} is not one for Node (${theirs.error}): ${JSON.stringify(text)}`);
        const named = new Set(other.headers.flatMap((v, k) => (k % 2 === 1 && other.headers[k - 1] === 'connection' ? v.toLowerCase().split(',').map((t) => t.trim()) : [])));
        assert.equal(one.head.method, other.method);
        if (other.ended || theirs.error === null) assert.equal(one.body, other.body);
        if (!one.head.absoluteForm) assert.equal(one.head.path, other.url);
        assert.deepEqual(comparable(one.head.fields, named), comparable(other.headers, named));
      }
    }), { numRuns: 1500 });
  });

  it('what is taken and sent on is one request for Node, the same one', async () => {
    const node = nodeServer();
    await fc.assert(fc.asyncProperty(requests, async (text) => {
      const { seen } = await ours(Buffer.from(text, 'latin1'));
      for (const one of seen.filter((r) => r.done)) {
        const { head } = one;
        fc.pre(http.METHODS.includes(head.method) && head.method !== 'CONNECT' && head.upgrade === '' && !/[\x80-\xff]/.test(head.path));
        const c = memoryClient();
        const { request, answer } = c.call(head, one.ended);
        const body = Buffer.from(one.body, 'latin1');
        if (!one.ended) {
          request.data(body, 0, body.length);
          request.end(one.trailers);
        }
        const sent = await c.output();
        c.socket.destroy();
        assert.equal(answer.reset, null, sent);
        const theirs = await node.parse(Buffer.from(sent, 'latin1'));
        assert.equal(theirs.error, null, JSON.stringify(sent));
        assert.equal(theirs.requests.length, 1);
        const [other] = theirs.requests;
        assert.deepEqual([other!.method, other!.body], [head.method, one.body]);
        if (!head.absoluteForm) assert.equal(other!.url, head.path);
        assert.deepEqual(comparable(other!.headers, new Set()), comparable(head.fields, new Set()));
      }
    }), { numRuns: 700 });
  });

  it('the same bytes in other pieces give the same requests', async () => {
    await fc.assert(fc.asyncProperty(requests, fc.array(fc.nat(400), { minLength: 1, maxLength: 12 }), async (text, cuts) => {
      const bytes = Buffer.from(text, 'latin1');
      const whole = await ours(bytes);
      const pieces = await ours(bytes, cuts);
      assert.deepEqual(summary(pieces), summary(whole));
    }), { numRuns: 1000 });
  });

  it('byte by byte as well', async () => {
    await fc.assert(fc.asyncProperty(requests, async (text) => {
      const bytes = Buffer.from(text, 'latin1');
      assert.deepEqual(summary(await ours(bytes, Array.from({ length: bytes.length }, (_, i) => i))), summary(await ours(bytes)));
    }), { numRuns: 100 });
  });

  it('random bytes never break a server or a client connection', async () => {
    const noise = fc.array(fc.oneof(fc.constantFrom(...NASTY), fc.string({ unit: 'binary', maxLength: 8 }), fc.constantFrom('GET / ', 'HTTP/1.1 200 OK\r\n', 'HTTP/1.1 100 C\r\n\r\n',
      'Transfer-Encoding: chunked\r\n\r\n', 'Content-Length: 5\r\n\r\n')), { maxLength: 30 }).map((parts) => Buffer.from(parts.join(''), 'latin1'));
    await fc.assert(fc.asyncProperty(noise, async (bytes) => {
      await ours(bytes);
      const c = memoryClient();
      const { answer } = c.call(new RequestHead('GET', 'http', 'a', '/', []));
      c.feed(bytes);
      c.eof();
      await settled();
      assert.ok(answer.ended || answer.reset !== null);
    }), { numRuns: 1500 });
  });

  it('any response that the server writes, the client reads back', async () => {
    const token = fc.stringMatching(/^[a-z0-9!#$%&'*+.^_`|~-]{1,10}$/).filter((n) => !HIDDEN.has(n));
    const value = fc.stringMatching(/^[!-~]([\t -~\x80-\xff]{0,20}[!-~])?$/);
    const fields = fc.array(fc.tuple(token, value), { maxLength: 5 }).map((list) => list.flat());
    await fc.assert(fc.asyncProperty(fields, fc.array(fc.string({ maxLength: 50 }), { maxLength: 5 }), fc.integer({ min: 200, max: 999 }), fc.boolean(), fc.array(fc.nat(500), { maxLength: 5 }),
      async (list, parts, status, chunked, cuts) => {
        fc.pre(status !== 204 && status !== 304);
        const pieces = parts.map((p) => Buffer.from(p));
        const length = pieces.reduce((n, p) => n + p.length, 0);
        const { ResponseHead } = await import('../message/contract.ts');
        const { service } = recorder((seen) => {
          seen.client.head(new ResponseHead(status, list, chunked ? -1 : length));
          for (const p of pieces) seen.client.data(p, 0, p.length);
          seen.client.end(null);
        });
        const s = memoryServer(service);
        s.feed('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
        const bytes = Buffer.from(await s.output(), 'latin1');
        const c = memoryClient();
        const { answer } = c.call(new RequestHead('GET', 'http', 'a', '/', []));
        let from = 0;
        for (const cut of [...cuts.map((n) => n % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)) {
          c.feed(bytes.subarray(from, cut));
          from = cut;
        }
        assert.equal(answer.ended, true);
        assert.equal(answer.heads[0]!.status, status);
        assert.deepEqual(answer.heads[0]!.fields, list);
        assert.equal(answer.body, Buffer.concat(pieces).toString('latin1'));
        assert.equal(c.conn.capacity, 1);
      }), { numRuns: 500 });
  });
});
