/** Header blocks: nothing but HpackError is thrown, the cache changes nothing, and a block that both take is the same for Node (nghttp2). */
import assert from 'node:assert/strict';
import http2 from 'node:http2';
import { FLAG, FRAME_MAX, PREFACE, TYPE } from '../../../proxy/http2/frames.ts';
import { requestHead } from '../../../proxy/http2/heads.ts';
import { Decoder } from '../../../proxy/http2/hpack/decoder.ts';
import { HpackError } from '../../../proxy/http2/hpack/error.ts';
import { MemorySocket, frame, settings, settle } from '../../../proxy/http2/raw.testkit.ts';
import { hex, type Target } from '../target.ts';

const LIMIT = 64 * 1024;

interface Result { error: string; malformed: string; size: number; fields: string[]; pseudo: string[]; length: number; host: string; tooLarge: boolean }

function decode(decoder: Decoder, input: Buffer): Result {
  const r: Result = { error: '', malformed: '', size: 0, fields: [], pseudo: [], length: -1, host: '', tooLarge: false };
  try {
    const b = decoder.decode(input, 0, input.length);
    assert.ok(b.fields.reduce((n, s) => n + s.length, 0) <= LIMIT, 'more than the limit is kept');
    Object.assign(r, { size: b.size, fields: [...b.fields], pseudo: [b.method, b.scheme, b.authority, b.path, String(b.status)], length: b.contentLength, host: b.host, tooLarge: b.tooLarge });
    requestHead(b);
    r.malformed = b.malformed;
  } catch (e) {
    if (!(e instanceof HpackError)) throw e;
    r.error = e.message;
  }
  return r;
}

/** The fields of the one request, as "name: value" lines, or null when Node refuses it. */
async function node(block: Buffer): Promise<string[] | null> {
  const server = http2.createServer({ maxHeaderListPairs: 4000 });
  const socket = new MemorySocket();
  let seen: string[] | null = null;
  server.on('session', (s) => s.on('error', () => {})).on('sessionError', () => {});
  server.on('stream', (stream, _headers, _flags, raw) => {
    stream.on('error', () => {});
    seen = [];
    for (let i = 0; i < raw.length; i += 2) seen.push(`${raw[i]}: ${raw[i + 1]}`);
  });
  server.emit('connection', socket);
  socket.push(Buffer.concat([PREFACE, settings(), frame(TYPE.headers, FLAG.endHeaders | FLAG.endStream, 1, block)]));
  await settle();
  socket.destroy();
  await settle();
  return seen;
}

const SHOWN = (line: string): boolean => !line.startsWith(':') && !line.startsWith('cookie:') && !line.startsWith('host:') && !line.startsWith('content-length:');

export const hpack: Target = {
  name: 'hpack',
  words: hex('82', '83', '84', '86', '87', '88', '41', '0f0d', 'be', 'bf', '20', '3fe11f', '3fe21f', '3f', '7f', 'ff', 'ff808080808000', '8000', '00', '40', '10', '0161', '8361', '84ffffffff', '0a 636f6e6e656374696f6e',
    '06 636f6f6b6965 03 613d62', '8c f1e3c2e5f23a6ba0ab90f4ff', '00 01 41 01 61', '00 05 3a70617468 01 2f', '4001610162', '0001610162', '1001610162', '0f0d0135', '02746508747261696c657273'),
  seeds: () => hex('82868441 0161', '838684410161 0f0d0133 4003782d610162', '828684 418cf1e3c2e5f23a6ba0ab90f4ff', '82868441 0161 6003613d62 6003633d64', '3fe11f 82868441 0161 be', '82868441 8461616161', '20 82868441 0161 4001610162 be'),
  async run(input) {
    const first = decode(new Decoder(LIMIT), input);
    // By the third time the block is in the cache.
    for (let i = 0; i < 2; i++) assert.deepEqual(decode(new Decoder(LIMIT), input), first, 'another time, another result');
    const again = new Decoder(LIMIT);
    decode(again, input);
    if (first.error === '') decode(again, input);
    const outcome = `${first.error}|${first.malformed}|${first.tooLarge}`;
    if (first.error !== '' || first.malformed !== '' || first.tooLarge || input.length > FRAME_MAX || first.pseudo[0] === 'CONNECT') return outcome;
    const theirs = await node(input);
    if (theirs === null) return `${outcome} not node`;
    const ours: string[] = [];
    for (let i = 0; i < first.fields.length; i += 2) ours.push(`${first.fields[i]}: ${first.fields[i + 1]}`);
    assert.deepEqual(ours.filter(SHOWN), theirs.filter(SHOWN));
    for (const [i, name] of [':method', ':scheme', ':authority', ':path'].entries()) {
      const line: string | undefined = theirs.find((l) => l.startsWith(`${name}: `));
      if (line !== undefined) assert.equal(first.pseudo[i], line.slice(name.length + 2));
    }
    return outcome;
  },
};
