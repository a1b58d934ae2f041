/** Clients that send any bytes at all, and tell what came back. */
import net from 'node:net';
import { FLAG, PREFACE, TYPE } from '../../../proxy/http2/frames.ts';
import { Encoder } from '../../../proxy/http2/hpack/encoder.ts';
import { frame, settings } from '../../../proxy/http2/raw.testkit.ts';
import type { Case2 } from './cases.ts';

/** Statuses of the responses on one HTTP/1 connection, sent these bytes and then FIN. */
export async function askHttp1(port: number, bytes: string): Promise<number[]> {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => {});
  let text = '';
  socket.setEncoding('latin1').on('data', (s: string) => { text += s; });
  socket.end(Buffer.from(bytes, 'latin1'));
  await new Promise((done) => { socket.once('end', done).once('close', done); });
  socket.destroy();
  return [...text.matchAll(/HTTP\/1\.1 ([0-9]{3}) /g)].map((m) => Number(m[1]));
}

const LAST = 99;

/** Sends one request of the case, and a plain one to /end on another stream. Tells whether the first was answered; resolves when all is decided. */
export async function askHttp2(port: number, c: Case2): Promise<{ answered: boolean; goaway: boolean }> {
  const encoder = new Encoder();
  const block = (fields: readonly (readonly [string, string])[]): Buffer => {
    const out = Buffer.alloc(64 + fields.reduce((n, [a, b]) => n + Encoder.bound(a, b), 0));
    encoder.begin(out, 0);
    for (const [name, value] of fields) encoder.field(name, value);
    return Buffer.from(out.subarray(0, encoder.finish()));
  };
  const socket = net.connect({ port, host: '127.0.0.1' });
  socket.on('error', () => {});
  socket.write(Buffer.concat([
    PREFACE, settings(), frame(TYPE.settings, FLAG.ack, 0),
    frame(TYPE.headers, c.body === '' ? FLAG.endHeaders | FLAG.endStream : FLAG.endHeaders, 1, block(c.fields)), ...(c.body === '' ? [] : [frame(TYPE.data, FLAG.endStream, 1, c.body)]),
    frame(TYPE.headers, FLAG.endHeaders | FLAG.endStream, LAST, block([[':method', 'GET'], [':scheme', 'http'], [':path', '/end'], [':authority', 'a']])),
  ]));
  let [answered, reset, goaway, last] = [false, false, false, false];
  let rest = Buffer.alloc(0);
  await new Promise<void>((done) => {
    socket.once('close', () => done());
    socket.on('data', (b) => {
      rest = Buffer.concat([rest, b]);
      while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
        const [type, id] = [rest[3]!, rest.readUInt32BE(5)];
        if (type === TYPE.headers && id === 1) answered = true;
        if (type === TYPE.rstStream && id === 1) reset = true;
        if (type === TYPE.headers && id === LAST) last = true;
        if (type === TYPE.goaway) goaway = true;
        rest = rest.subarray(9 + rest.readUIntBE(0, 3));
      }
      if (goaway || (last && (answered || reset))) done();
    });
  });
  socket.destroy();
  return { answered, goaway };
}
