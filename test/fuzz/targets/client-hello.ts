/** ClientHello: what OpenSSL makes is read, more bytes never change a verdict, and a name that Node's TLS server finds is the same here. */
import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import tls from 'node:tls';
import { parseClientHello } from '../../../proxy/accept/client-hello.ts';
import { settle } from '../../../proxy/http2/raw.testkit.ts';
import { hex, text, type Target } from '../target.ts';

/** Collects what is written, and gives what is pushed. */
class Pipe extends Duplex {
  written = Buffer.alloc(0);
  override _read(): void { /* bytes are pushed */ }
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written = Buffer.concat([this.written, chunk]);
    done();
  }
}

async function hello(options: tls.ConnectionOptions): Promise<Buffer> {
  const pipe = new Pipe();
  const socket = tls.connect({ ...options, socket: pipe, rejectUnauthorized: false });
  socket.on('error', () => {});
  await settle();
  socket.destroy();
  pipe.destroy();
  return pipe.written;
}

/** The name that OpenSSL finds in the bytes, '' for none, null when it gets nowhere. */
async function node(input: Buffer): Promise<string | null> {
  const pipe = new Pipe();
  let name: string | null = null;
  const server = tls.createServer({
    SNICallback: (n, done) => {
      name = n;
      done(new Error('enough'));
    },
  });
  server.on('tlsClientError', () => {});
  server.emit('connection', pipe);
  pipe.push(input);
  await settle();
  pipe.destroy();
  await settle();
  return name;
}

export const clientHello: Target = {
  name: 'client-hello',
  words: [...hex('16', '1603', '160301', '01', '0303', '0000', '0010', '000e', '00', 'ffff', '00ff', '0005'), ...text('a.example', 'h2', 'http/1.1')],
  async seeds() {
    return [
      await hello({ servername: 'a.example' }),
      await hello({ servername: 'web.shop.serviceaccount.identity.mesh-system.cluster.local', ALPNProtocols: ['transport.l5d.io/v1'], minVersion: 'TLSv1.3' }),
      await hello({}),
      await hello({ servername: 'old.example', maxVersion: 'TLSv1.2', ALPNProtocols: ['h2', 'http/1.1'] }),
      ...text('GET / HTTP/1.1\r\n\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', ''),
    ];
  },
  async run(input, random) {
    const verdict = parseClientHello(input);
    for (const cut of [...random.cuts(input.length), 1, 5, 6, 9]) {
      const part = parseClientHello(input.subarray(0, cut));
      if (part.kind !== 'incomplete' && cut <= input.length) assert.deepEqual(part, verdict, `after ${cut} bytes another verdict`);
    }
    // A copy elsewhere in memory, followed by other bytes: nothing outside of the view is looked at.
    const moved = Buffer.concat([Buffer.alloc(7, 22), input, Buffer.alloc(9, 22)]).subarray(7, 7 + input.length);
    assert.deepEqual(parseClientHello(moved), verdict);
    if (verdict.kind !== 'hello') return verdict.kind;
    assert.ok(verdict.sni.length <= 255);
    const theirs = await node(input);
    if (theirs !== null && theirs !== '') assert.equal(verdict.sni.toLowerCase(), theirs.toLowerCase());
    return `hello ${verdict.sni === ''} ${theirs === null}`;
  },
};
