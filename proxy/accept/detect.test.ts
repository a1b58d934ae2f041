import assert from 'node:assert/strict';
import net from 'node:net';
import tls from 'node:tls';
import fc from 'fast-check';
import { parseClientHello } from './client-hello.ts';
import { detect } from './detect.ts';

const bytes = (s: string): Buffer => Buffer.from(s, 'latin1');

/** The first bytes that OpenSSL sends for a server name. */
async function clientHello(servername: string, options: tls.ConnectionOptions = {}): Promise<Buffer> {
  return new Promise((resolve) => {
    const server = net.createServer((s) => {
      s.once('data', (b) => {
        s.destroy();
        server.close();
        resolve(b);
      });
    });
    server.listen(0, '127.0.0.1', () => {
      const s = tls.connect({ host: '127.0.0.1', port: (server.address() as net.AddressInfo).port, servername, rejectUnauthorized: false, ...options });
      s.on('error', () => {});
    });
  });
}

describe('protocol detection', () => {
  const cases: [string, string][] = [
    ['GET / HTTP/1.1\r\n', 'http1'], ['OPTIONS * HTTP/1.0\r\n', 'http1'], ['\r\nGET /a?b HTTP/1.1\r\nHost: x\r\n', 'http1'], ['M-SEARCH * HTTP/1.1\r\n', 'http1'],
    ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'http2'], ['PRI /x HTTP/1.1\r\n', 'http1'],
    ['EHLO example.com\r\n', 'opaque'], ['PING\r\n', 'opaque'], ['*1\r\n$4\r\nPING\r\n', 'opaque'], ['SSH-2.0-x\r\n', 'opaque'], ['get / HTTP/1.1\r\n', 'opaque'], ['\x00\x01', 'opaque'],
    ['GET / FTP/1.1\r\n', 'opaque'], ['GET /\x01 HTTP/1.1\r\n', 'opaque'],
    ['', 'more'], ['G', 'more'], ['GET /long', 'more'], ['PRI * HT', 'more'], ['\r\n', 'more'],
    ['ABCDEFGHIJKLMNOPQRSTUVWXYZ /', 'opaque'],
  ];
  for (const [text, kind] of cases) it(`${JSON.stringify(text)} is ${kind}`, () => assert.equal(detect(bytes(text)).kind, kind));

  it('leaves a target that is too long to the HTTP codec', () => {
    assert.equal(detect(bytes(`GET /${'a'.repeat(9000)}`)).kind, 'http1');
  });

  it('never changes its mind as more arrives', () => {
    fc.assert(fc.property(fc.oneof(fc.string({ unit: 'binary-ascii' }), fc.constantFrom(...cases.map((c) => c[0]))), fc.string({ unit: 'binary-ascii' }), (head, tail) => {
      const first = detect(bytes(head));
      if (first.kind !== 'more') assert.deepEqual(detect(bytes(head + tail)).kind, first.kind);
    }));
  });
});

describe('ClientHello', () => {
  it('has the server name that OpenSSL put there, from any number of its bytes on', async () => {
    const hello = await clientHello('web.bookshop.serviceaccount.identity.mesh-system.cluster.local');
    assert.deepEqual(parseClientHello(hello), { kind: 'hello', sni: 'web.bookshop.serviceaccount.identity.mesh-system.cluster.local' });
    for (let n = 0; n < hello.length; n++) assert.equal(parseClientHello(hello.subarray(0, n)).kind, 'incomplete', `${n} bytes`);
  });

  it('is read without a name, with ALPN, and as TLS 1.2', async () => {
    assert.deepEqual(parseClientHello(await clientHello('')), { kind: 'hello', sni: '' });
    assert.deepEqual(parseClientHello(await clientHello('a.b', { ALPNProtocols: ['h2'], maxVersion: 'TLSv1.2' })), { kind: 'hello', sni: 'a.b' });
  });

  it('is followed over several records', async () => {
    const hello = await clientHello('split.example');
    const body = hello.subarray(5);
    const record = (b: Buffer): Buffer => Buffer.concat([Buffer.from([22, 3, 1, b.length >> 8, b.length & 255]), b]);
    const split = Buffer.concat([record(body.subarray(0, 3)), record(body.subarray(3, 100)), record(body.subarray(100))]);
    assert.deepEqual(parseClientHello(split), { kind: 'hello', sni: 'split.example' });
  });

  it('survives any bytes and any damage', async () => {
    const hello = await clientHello('fuzz.example');
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (b) => { parseClientHello(b); }));
    fc.assert(fc.property(fc.nat(hello.length - 1), fc.nat(255), fc.nat(hello.length), (at, value, cut) => {
      const b = Buffer.from(hello.subarray(0, cut));
      if (at < b.length) b[at] = value;
      parseClientHello(b);
    }));
  });
});
