/** Responses over HTTP/1: how bytes arrive must not matter, every exchange ends, and a body that Node reads without complaint is the same here. */
import assert from 'node:assert/strict';
import http from 'node:http';
import { MemorySocket, memoryClient, settled, type Answer } from '../../../proxy/http1/memory.testkit.ts';
import { RequestHead } from '../../../proxy/message/contract.ts';
import { text, type Target } from '../target.ts';

const MAX_HELD = 256 * 1024;

async function feed(bytes: Buffer, cuts: readonly number[]): Promise<{ answer: Answer; counted: string[]; closed: boolean }> {
  const c = memoryClient();
  const { answer } = c.call(new RequestHead('GET', 'http', 'a', '/', []));
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    c.feed(bytes.subarray(from, cut));
    assert.ok(c.conn.wire.held <= MAX_HELD, `${c.conn.wire.held} bytes held`);
    from = cut;
    await Promise.resolve();
  }
  c.eof();
  await settled();
  assert.ok(answer.ended || answer.reset !== null, 'the exchange has no end');
  c.socket.destroy();
  await settled();
  return { answer, counted: c.counted, closed: c.conn.closed };
}

interface Theirs { status: number; body: string; complete: boolean }

/** What Node's client makes of the bytes; null when it finds fault with them. */
async function node(bytes: Buffer): Promise<Theirs | null> {
  const socket = new MemorySocket();
  let result: Theirs | null = null;
  let failed = false;
  const request = http.request({ createConnection: () => socket, host: 'a' }, (response) => {
    const one: Theirs = { status: response.statusCode!, body: '', complete: false };
    result = one;
    response.on('data', (b: Buffer) => { one.body += b.toString('latin1'); });
    response.on('end', () => { one.complete = response.complete; });
    response.on('error', () => { failed = true; });
  });
  request.on('error', () => { failed = true; });
  request.end();
  await settled();
  socket.push(bytes);
  socket.push(null);
  await settled();
  await settled();
  socket.destroy();
  await settled();
  return failed ? null : result;
}

export const h1Response: Target = {
  name: 'h1-response',
  words: text('\r\n', '\n', '\r', '\r\n\r\n', ' ', '\t', ':', ',', '\0', '\xff', 'HTTP/1.1 ', 'HTTP/1.0 ', '100 ', '101 ', '103 ', '200 ', '204 ', '304 ', '999 ', 'OK', 'Content-Length: 3\r\n', 'Content-Length: 0\r\n',
    'Content-Length: -1\r\n', 'Transfer-Encoding: chunked\r\n', 'Transfer-Encoding: gzip, chunked\r\n', 'Connection: close\r\n', 'Connection: keep-alive\r\n', 'Keep-Alive: timeout=5\r\n', '0\r\n\r\n', '3\r\nabc\r\n',
    'HTTP/1.1 100 Continue\r\n\r\n', ' folded\r\n'),
  seeds: () => text(
    'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\n\r\n3;a\r\nabc\r\n0\r\nX: y\r\n\r\n',
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n',
    'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.0 200\r\n\r\nuntil the end',
    'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n',
  ),
  async run(input, random) {
    const whole = await feed(input, []);
    const pieces = await feed(input, random.cuts(input.length));
    const compared = ({ answer: a }: { answer: Answer }): unknown => [a.events.filter((e) => !e.startsWith('reset')), a.body, a.trailers, a.ended, a.reset === null, a.heads.map((h) => h.fields)];
    assert.deepEqual(compared(pieces), compared(whole), 'other pieces, another result');
    const outcome = `${whole.counted.join()} ${whole.answer.events.join()}`;
    if (!whole.answer.ended || /101|upgrade/i.test(input.toString('latin1'))) return outcome;
    const theirs = await node(input);
    if (theirs?.complete === true) {
      assert.equal(whole.answer.heads.at(-1)!.status, theirs.status);
      assert.equal(whole.answer.body, theirs.body);
    }
    return outcome;
  },
};
