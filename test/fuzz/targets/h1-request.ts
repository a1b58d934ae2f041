/** Requests over HTTP/1: how bytes arrive must not matter, and what is taken as a request Node takes as the same request. */
import assert from 'node:assert/strict';
import http from 'node:http';
import { memoryServer, recorder, settled, type Seen } from '../../../proxy/http1/memory.testkit.ts';
import { nodeServer } from '../../../proxy/http1/oracle.testkit.ts';
import type { Fields } from '../../../proxy/message/contract.ts';
import { text, type Target } from '../target.ts';
import { refusedNeedlessly } from './node-quirks.ts';

/** A head, one read, and a trailer section. */
const MAX_HELD = 256 * 1024;
/** Fields that the two sides show differently; the rest must agree, in order. */
const HIDDEN = new Set(['host', 'connection', 'content-length', 'transfer-encoding', 'keep-alive', 'proxy-connection', 'upgrade', 'te', 'expect']);

interface Result { seen: Seen[]; counted: string[]; output: string }

async function feed(bytes: Buffer, cuts: readonly number[]): Promise<Result> {
  const { seen, service } = recorder();
  const s = memoryServer(service);
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    s.feed(bytes.subarray(from, cut));
    assert.ok(s.wire.held <= MAX_HELD, `${s.wire.held} bytes held`);
    from = cut;
    await Promise.resolve();
  }
  const output = await s.output();
  s.socket.destroy();
  await settled();
  return { seen, counted: s.counted, output };
}

/** Bytes with two faults may be refused for either: which is met first depends on how they arrive. */
const summary = (r: Result): unknown => ({
  refused: r.counted.length, answers: r.output.split('HTTP/1.1 200 OK\r\n').length, closes: r.output.includes('connection: close'),
  seen: r.seen.map((one) => [one.head.method, one.head.path, one.head.authority, one.head.fields, one.ended, one.body, one.done, one.trailers]),
});

function shown(fields: Fields, named: ReadonlySet<string>): string[] {
  const out: string[] = [];
  for (let i = 0; i < fields.length; i += 2) if (!HIDDEN.has(fields[i]!) && !named.has(fields[i]!)) out.push(`${fields[i]}: ${fields[i + 1]}`);
  return out;
}

const node = nodeServer();

/** Node knows neither other methods nor other minor versions, takes no target beyond ASCII, and has its own idea of Upgrade and of Expect. */
function comparable(bytes: Buffer, complete: readonly Seen[]): boolean {
  if (/HTTP\/1\.[2-9]|upgrade|expect/i.test(bytes.toString('latin1'))) return false;
  return complete.every((one) => http.METHODS.includes(one.head.method) && one.head.method !== 'CONNECT' && !/[\x80-\xff]/.test(one.head.path));
}

export const h1Request: Target = {
  name: 'h1-request',
  words: text('\r\n', '\n', '\r', '\r\n\r\n', ' ', '\t', ':', ': ', ',', '\0', '\x0b', '\x7f', '\xff', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'GET ', 'POST ', 'CONNECT ', 'http://', '*', '#', '?',
    'Host: a\r\n', 'Host: b\r\n', 'Content-Length: 3\r\n', 'Content-Length: 0\r\n', 'Content-Length: +3\r\n', 'Content-Length: 3, 3\r\n', 'Transfer-Encoding: chunked\r\n', 'Transfer-Encoding:\tchunked \r\n',
    'Transfer-Encoding: identity\r\n', 'Transfer-Encoding : chunked\r\n', 'Connection: close\r\n', 'Connection: content-length\r\n', 'Upgrade: websocket\r\n', 'Expect: 100-continue\r\n', 'TE: trailers\r\n',
    '0\r\n\r\n', '3\r\nabc\r\n', '3;a=b\r\nabc\r\n', '\r\n 3', ' folded\r\n', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'),
  seeds: () => text(
    'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
    'GET /p?q HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n',
    'POST /x HTTP/1.1\r\nHost: a:80\r\nContent-Length: 3\r\nX-A: b\r\n\r\nabcGET / HTTP/1.1\r\nHost: a\r\n\r\n',
    'POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\n\r\n3;a="b"\r\nabc\r\n0\r\nX: y\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n',
    'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
    'GET http://h.x/p HTTP/1.1\r\nHost: other\r\nConnection: x-a, close\r\nX-A: gone\r\n\r\n',
    'CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\nbytes',
    'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nframes',
    'PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nabcd',
  ),
  async run(input, random) {
    const whole = await feed(input, []);
    assert.deepEqual(summary(await feed(input, random.cuts(input.length))), summary(whole), 'other pieces, another result');
    const complete = whole.seen.filter((one) => one.done);
    const outcome = `${whole.counted.join()} ${whole.seen.length} ${complete.length}`;
    if (complete.length === 0 || !comparable(input, complete)) return outcome;
    const theirs = await node.parse(input);
    for (const [i, one] of complete.entries()) {
      const other = theirs.requests[i];
      if (other === undefined && refusedNeedlessly(theirs.error, input)) return outcome;
      assert.ok(other, `request ${i} is not one for Node (${theirs.error})`);
      const named = new Set(other.headers.flatMap((v, k) => (k % 2 === 1 && other.headers[k - 1] === 'connection' ? v.toLowerCase().split(',').map((t) => t.trim()) : [])));
      assert.equal(one.head.method, other.method);
      if (other.ended || theirs.error === null) assert.equal(one.body, other.body);
      if (!one.head.absoluteForm) assert.equal(one.head.path, other.url);
      assert.deepEqual(shown(one.head.fields, named), shown(other.headers, named));
    }
    return outcome;
  },
};
