/** Frames from a client: pieces do not matter, every exchange has an end, memory is bounded, and a request that is taken is one for Node's server, the same one. */
import assert from 'node:assert/strict';
import http2 from 'node:http2';
import { PREFACE } from '../../../proxy/http2/frames.ts';
import { MemorySocket, rawServer, respond, settings, settle, type RawServer } from '../../../proxy/http2/raw.testkit.ts';
import type { RequestHead } from '../../../proxy/message/contract.ts';
import type { Target } from '../target.ts';
import { requestFrames, words } from './h2-frames.ts';
import { feedPieces } from './h2-pieces.ts';

interface Request { method: string; path: string; authority: string; fields: string[]; body: string; trailers: string[] }

async function feed(input: Buffer, cuts: readonly number[]): Promise<{ server: RawServer; requests: string[][]; complete: Request[] }> {
  const server = await rawServer((r, _head, ended) => { r.wasEnded = ended; });
  const { peer } = server;
  await feedPieces(peer, input, cuts);
  const requests = server.exchanges.map((r) => {
    const head = r.head_ as RequestHead;
    return [head.method, head.path, head.authority, ...head.fields, r.body, ...r.events.filter((e) => !e.startsWith('data '))];
  });
  // Not those that were called off: whether Node has told of one by then is chance.
  const whole = server.exchanges.filter((r) => !r.events.some((e) => e.startsWith('reset')) && (r.wasEnded || r.events.some((e) => e === 'end' || e.startsWith('end '))));
  const complete = whole.map((r): Request => {
    const head = r.head_ as RequestHead;
    const trailers = r.events.find((e) => e.startsWith('end '))?.slice(4).split(' ') ?? [];
    return { method: head.method, path: head.path, authority: head.authority, fields: [...head.fields], body: r.body, trailers };
  });
  for (const r of server.exchanges) respond(r, 200, 'body');
  peer.socket.destroy();
  await settle();
  assert.deepEqual(peer.bugs, []);
  assert.equal(peer.wire.held, 0, 'memory held after the end');
  assert.equal(server.connection.active, 0);
  return { server, requests, complete };
}

/** Requests that Node's server reads in full, as method, path and body; null when it breaks off the connection. */
async function node(input: Buffer): Promise<string[] | null> {
  const server = http2.createServer({ maxHeaderListPairs: 2000, settings: { initialWindowSize: 1 << 20, enableConnectProtocol: false } });
  const socket = new MemorySocket();
  const seen: string[] = [];
  let failed = false;
  server.on('session', (s) => s.on('error', () => { failed = true; }).on('goaway', () => {}));
  server.on('sessionError', () => { failed = true; });
  server.on('stream', (stream, headers) => {
    let body = '';
    stream.on('error', () => {});
    stream.on('data', (b: Buffer) => { body += b.toString('latin1'); });
    stream.on('end', () => {
      if (!stream.aborted && stream.rstCode === 0) seen.push(`${headers[':method']} ${headers[':path'] ?? ''} ${body}`);
    });
  });
  server.emit('connection', socket);
  socket.push(Buffer.concat([PREFACE, settings(), input]));
  await settle();
  await settle();
  socket.destroy();
  await settle();
  return failed ? null : seen;
}

export const h2Server: Target = {
  name: 'h2-server',
  words,
  seeds: () => requestFrames,
  async run(input, random) {
    const whole = await feed(input, []);
    const pieces = await feed(input, random.cuts(input.length));
    assert.deepEqual(pieces.requests, whole.requests, 'other pieces, other requests');
    assert.deepEqual(pieces.server.peer.counted, whole.server.peer.counted, 'other pieces, other reasons');
    const reasons = [...new Set(whole.server.peer.counted)].join();
    const outcome = `${reasons} ${whole.requests.length} ${whole.complete.length}`;
    if (whole.complete.length === 0 || reasons !== '') return outcome;
    const theirs = await node(input);
    if (theirs === null) return `${outcome} not node`;
    for (const r of whole.complete) {
      // nghttp2 wants an authority; RFC 9113 8.3.1 has requests without.
      if (r.method === 'CONNECT' || r.authority === '') continue;
      assert.ok(theirs.includes(`${r.method} ${r.path} ${r.body}`), `not a request for Node: ${JSON.stringify(r)}, which has ${JSON.stringify(theirs)}`);
    }
    return outcome;
  },
};
