import assert from 'node:assert/strict';
import { memoryServer, recorder } from './memory.testkit.ts';

const H = 'Host: a\r\n';

/** Every rule for a request head, and for a chunked body: [what, bytes, status of the answer, counted reason]. */
const REFUSED: [string, string, number, string][] = [
  ['no method', ` / HTTP/1.1\r\n${H}\r\n`, 400, 'bad-method'],
  ['a method that is not a token', `G@T / HTTP/1.1\r\n${H}\r\n`, 400, 'bad-method'],
  ['an endless method', `${'A'.repeat(65)} / HTTP/1.1\r\n${H}\r\n`, 501, 'method-too-long'],
  ['three leading empty lines', `\r\n\r\n\r\nGET / HTTP/1.1\r\n${H}\r\n`, 400, 'bad-method'],
  ['a TLS hello', '\x16\x03\x01\x02\x00', 400, 'bad-method'],
  ['no target', `GET HTTP/1.1\r\n${H}\r\n`, 400, 'bad-version'],
  ['two spaces before the target', `GET  / HTTP/1.1\r\n${H}\r\n`, 400, 'bad-target'],
  ['two spaces after the target', `GET /  HTTP/1.1\r\n${H}\r\n`, 400, 'bad-version'],
  ['a tab for a space', `GET\t/ HTTP/1.1\r\n${H}\r\n`, 400, 'bad-method'],
  ['a control byte in the target', `GET /\x01 HTTP/1.1\r\n${H}\r\n`, 400, 'bad-target'],
  ['NUL in the target', `GET /\0 HTTP/1.1\r\n${H}\r\n`, 400, 'bad-target'],
  ['DEL in the target', `GET /\x7f HTTP/1.1\r\n${H}\r\n`, 400, 'bad-target'],
  ['a fragment', `GET /a#b HTTP/1.1\r\n${H}\r\n`, 400, 'bad-target'],
  ['a relative target', `GET a HTTP/1.1\r\n${H}\r\n`, 400, 'bad-target'],
  ['asterisk with GET', `GET * HTTP/1.1\r\n${H}\r\n`, 400, 'bad-target'],
  ['another scheme', `GET ftp://a/ HTTP/1.1\r\n${H}\r\n`, 400, 'bad-target'],
  ['user information', `GET http://u@a/ HTTP/1.1\r\n${H}\r\n`, 400, 'bad-target'],
  ['absolute-form without a host', `GET http:///x HTTP/1.1\r\n${H}\r\n`, 400, 'bad-target'],
  ['CONNECT to a path', `CONNECT /x HTTP/1.1\r\n${H}\r\n`, 400, 'bad-target'],
  ['CONNECT without a port', `CONNECT a HTTP/1.1\r\n${H}\r\n`, 400, 'bad-target'],
  ['CONNECT to a port that there is not', `CONNECT a:65536 HTTP/1.1\r\n${H}\r\n`, 400, 'bad-target'],
  ['CONNECT to port 0', `CONNECT a:0 HTTP/1.1\r\n${H}\r\n`, 400, 'bad-target'],
  ['TRACE with a body', `TRACE / HTTP/1.1\r\n${H}Content-Length: 3\r\n\r\nabc`, 400, 'trace-body'],
  ['CONNECT with a body', `CONNECT a:1 HTTP/1.1\r\n${H}Content-Length: 3\r\n\r\nabc`, 400, 'connect-body'],
  ['HTTP/0.9', 'GET /\r\n\r\n', 400, 'bad-version'],
  ['a lower-case version', `GET / http/1.1\r\n${H}\r\n`, 400, 'bad-version'],
  ['a version of three digits', `GET / HTTP/1.10\r\n${H}\r\n`, 400, 'bad-version'],
  ['a space after the version', `GET / HTTP/1.1 \r\n${H}\r\n`, 400, 'bad-version'],
  ['HTTP/2.0', `GET / HTTP/2.0\r\n${H}\r\n`, 505, 'unsupported-version'],
  ['the HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505, 'unsupported-version'],
  ['HTTP/0.9 spelt out', `GET / HTTP/0.9\r\n${H}\r\n`, 505, 'unsupported-version'],
  ['a request line that ends in LF', `GET / HTTP/1.1\n${H}\r\n`, 400, 'bare-lf'],
  ['a field line that ends in LF', 'GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n', 400, 'bare-lf'],
  ['all lines that end in LF', 'GET / HTTP/1.1\nHost: a\n\n', 400, 'bare-lf'],
  ['CR in a value', 'GET / HTTP/1.1\r\nHost: a\r\nX: y\rz\r\n\r\n', 400, 'bare-cr'],
  ['CR CR LF', 'GET / HTTP/1.1\r\nHost: a\r\nX: y\r\r\n\r\n', 400, 'bare-cr'],
  ['obs-fold', 'GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n', 400, 'obs-fold'],
  ['obs-fold with a tab', 'GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\tz\r\n\r\n', 400, 'obs-fold'],
  ['space before the first field', `GET / HTTP/1.1\r\n ${H}\r\n`, 400, 'leading-space'],
  ['space before the colon', 'GET / HTTP/1.1\r\nHost : a\r\n\r\n', 400, 'space-before-colon'],
  ['no colon', `GET / HTTP/1.1\r\n${H}nonsense\r\n\r\n`, 400, 'missing-colon'],
  ['an empty name', `GET / HTTP/1.1\r\n${H}: x\r\n\r\n`, 400, 'bad-field-name'],
  ['a name that is not a token', `GET / HTTP/1.1\r\n${H}a(b: x\r\n\r\n`, 400, 'bad-field-name'],
  ['a name above ASCII', `GET / HTTP/1.1\r\n${H}\xe9: x\r\n\r\n`, 400, 'bad-field-name'],
  ['NUL in a value', `GET / HTTP/1.1\r\n${H}X: a\0b\r\n\r\n`, 400, 'bad-field-value'],
  ['a control byte in a value', `GET / HTTP/1.1\r\n${H}X: a\x08b\r\n\r\n`, 400, 'bad-field-value'],
  ['DEL in a value', `GET / HTTP/1.1\r\n${H}X: a\x7fb\r\n\r\n`, 400, 'bad-field-value'],
  ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400, 'missing-host'],
  ['two Hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n', 400, 'repeated-host'],
  ['a Host with a path', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n', 400, 'bad-host'],
  ['a Host with user information', 'GET / HTTP/1.1\r\nHost: u@a\r\n\r\n', 400, 'bad-host'],
  ['a Host with a space', 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n', 400, 'bad-host'],
  ['a Host list', 'GET / HTTP/1.1\r\nHost: a, b\r\n\r\n', 400, 'bad-host'],
  ['a Host with a bad port', 'GET / HTTP/1.1\r\nHost: a:x\r\n\r\n', 400, 'bad-host'],
  ['a Host with a broken escape', 'GET / HTTP/1.1\r\nHost: a%zz\r\n\r\n', 400, 'bad-host'],
  ['repeated Content-Length', `POST / HTTP/1.1\r\n${H}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`, 400, 'repeated-content-length'],
  ['conflicting Content-Length', `POST / HTTP/1.1\r\n${H}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc`, 400, 'repeated-content-length'],
  ['a Content-Length list', `POST / HTTP/1.1\r\n${H}Content-Length: 3, 3\r\n\r\nabc`, 400, 'bad-content-length'],
  ['a signed Content-Length', `POST / HTTP/1.1\r\n${H}Content-Length: +3\r\n\r\nabc`, 400, 'bad-content-length'],
  ['a negative Content-Length', `POST / HTTP/1.1\r\n${H}Content-Length: -3\r\n\r\nabc`, 400, 'bad-content-length'],
  ['a hexadecimal Content-Length', `POST / HTTP/1.1\r\n${H}Content-Length: 0x3\r\n\r\nabc`, 400, 'bad-content-length'],
  ['an empty Content-Length', `POST / HTTP/1.1\r\n${H}Content-Length:\r\n\r\nabc`, 400, 'bad-content-length'],
  ['Content-Length overflow', `POST / HTTP/1.1\r\n${H}Content-Length: 9007199254740993\r\n\r\n`, 400, 'content-length-overflow'],
  ['Content-Length overflow by digits', `POST / HTTP/1.1\r\n${H}Content-Length: 18446744073709551619\r\n\r\n`, 400, 'content-length-overflow'],
  ['both framings', `POST / HTTP/1.1\r\n${H}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400, 'content-length-with-transfer-encoding'],
  ['both framings, the other way', `POST / HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n`, 400, 'content-length-with-transfer-encoding'],
  ['another coding', `POST / HTTP/1.1\r\n${H}Transfer-Encoding: gzip\r\n\r\n`, 400, 'chunked-not-last'],
  ['a coding before chunked', `POST / HTTP/1.1\r\n${H}Transfer-Encoding: gzip, chunked\r\n\r\n`, 501, 'unknown-transfer-coding'],
  ['chunked with a parameter', `POST / HTTP/1.1\r\n${H}Transfer-Encoding: chunked;q=1\r\n\r\n`, 400, 'chunked-not-last'],
  ['identity', `POST / HTTP/1.1\r\n${H}Transfer-Encoding: identity\r\n\r\n`, 400, 'chunked-not-last'],
  ['xchunked', `POST / HTTP/1.1\r\n${H}Transfer-Encoding: xchunked\r\n\r\n`, 400, 'chunked-not-last'],
  ['chunked before another coding', `POST / HTTP/1.1\r\n${H}Transfer-Encoding: chunked, gzip\r\n\r\n`, 400, 'chunked-not-last'],
  ['chunked twice in a list', `POST / HTTP/1.1\r\n${H}Transfer-Encoding: chunked, chunked\r\n\r\n`, 400, 'chunked-not-last'],
  ['chunked twice', `POST / HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`, 400, 'repeated-transfer-encoding'],
  ['chunked from HTTP/1.0', 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400, 'transfer-encoding-http10'],
  ['a vertical tab before chunked', `POST / HTTP/1.1\r\n${H}Transfer-Encoding: \x0bchunked\r\n\r\n`, 400, 'bad-field-value'],
  ['a long request line', `GET /${'a'.repeat(17_000)} HTTP/1.1\r\n${H}\r\n`, 414, 'request-line-too-long'],
  ['an endless request line', `GET /${'a'.repeat(17_000)}`, 414, 'request-line-too-long'],
  ['a large head', `GET / HTTP/1.1\r\n${H}X: ${'a'.repeat(66_000)}\r\n\r\n`, 431, 'head-too-large'],
  ['an endless head', `GET / HTTP/1.1\r\n${H}X: ${'a'.repeat(66_000)}`, 431, 'head-too-large'],
  ['too many fields', `GET / HTTP/1.1\r\n${H}${'a:b\r\n'.repeat(1000)}\r\n`, 431, 'too-many-fields'],
];

const CHUNKED = `POST / HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n`;
const REFUSED_BODIES: [string, string, string][] = [
  ['no size', '\r\n', 'bad-chunk-size'],
  ['a size that is no number', 'x\r\n', 'bad-chunk-size'],
  ['a signed size', '+3\r\nabc\r\n', 'bad-chunk-size'],
  ['a negative size', '-3\r\nabc\r\n', 'bad-chunk-size'],
  ['0x', '0x3\r\nabc\r\n', 'bad-chunk-size'],
  ['a space before the size', ' 3\r\nabc\r\n', 'bad-chunk-size'],
  ['a space after the size', '3 \r\nabc\r\n', 'bad-chunk-size'],
  ['a size beyond 2^53', '20000000000000\r\n', 'chunk-size-overflow'],
  ['a size of seventeen digits', '00000000000000003\r\nabc\r\n', 'chunk-size-overflow'],
  ['a size beyond 2^64', '10000000000000003\r\nabc\r\n', 'chunk-size-overflow'],
  ['LF after the size', '3\nabc\r\n', 'bare-lf'],
  ['CR without LF after the size', '3\rabc\r\n', 'bare-cr'],
  ['more data than the size', '3\r\nabcd\r\n', 'bad-chunk-end'],
  ['less data than the size', '3\r\nab\r\n0\r\n\r\n', 'bad-chunk-end'],
  ['LF after the data', '3\r\nabc\n0\r\n\r\n', 'bad-chunk-end'],
  ['a control byte in an extension', '3;a\0b\r\nabc\r\n', 'bad-chunk-extension'],
  ['LF after an extension', '3;a=b\nabc\r\n', 'bare-lf'],
  ['a long extension', `3;${'a'.repeat(5000)}\r\nabc\r\n`, 'chunk-extension-too-long'],
  ['many extensions', '1;aaaaaaaaaaaaaaaaaaaa\r\na\r\n'.repeat(300), 'chunk-extension-too-long'],
  ['large trailers', `0\r\nx: ${'a'.repeat(17_000)}\r\n\r\n`, 'trailers-too-large'],
  ['endless trailers', `0\r\nx: ${'a'.repeat(17_000)}`, 'trailers-too-large'],
  ['LF in the trailers', '0\r\nx: y\n\r\n', 'bare-lf'],
  ['a folded trailer', '0\r\nx: y\r\n z\r\n\r\n', 'obs-fold'],
  ['a trailer that is none', '0\r\nabc\r\n\r\n', 'missing-colon'],
];

describe('HTTP/1 requests that are refused', () => {
  for (const [what, bytes, status, reason] of REFUSED) {
    it(`${what}: ${status} ${reason}`, async () => {
      const { seen, service } = recorder();
      const s = memoryServer(service);
      s.feed(bytes);
      const output = await s.output();
      assert.match(output, new RegExp(`^HTTP/1\\.1 ${status} `));
      assert.match(output, /\r\nconnection: close\r\n/);
      assert.deepEqual(s.counted, [reason]);
      assert.equal(seen.length, 0);
      assert.equal(s.socket.finished, true);
    });
  }

  for (const [what, bytes, reason] of REFUSED_BODIES) {
    it(`chunked body, ${what}: 400 ${reason}`, async () => {
      const { seen, service } = recorder();
      const s = memoryServer(service);
      s.feed(CHUNKED + bytes);
      assert.match(await s.output(), /^HTTP\/1\.1 400 /);
      assert.deepEqual(s.counted, [reason]);
      assert.equal(seen.length, 1);
      assert.equal(seen[0]!.done, false);
      assert.equal(seen[0]!.reset?.label, 'RESET');
    });
  }
});

describe('HTTP/1 requests that are taken', () => {
  const one = (bytes: string): ReturnType<typeof recorder>['seen'][number] => {
    const { seen, service } = recorder();
    const s = memoryServer(service);
    s.feed(bytes);
    assert.deepEqual(s.counted, []);
    assert.equal(seen.length, 1);
    return seen[0]!;
  };

  it('origin-form with its fields in order, names in lower case, values trimmed', () => {
    const { head, ended } = one('GET /a?b=c HTTP/1.1\r\nHost: A:80\r\nX-B: \t1 2 \t\r\nx-a:\r\nX-b: 3\r\n\r\n');
    assert.deepEqual([head.method, head.scheme, head.authority, head.path, head.version, ended], ['GET', 'http', 'A:80', '/a?b=c', 1, true]);
    assert.deepEqual(head.fields, ['x-b', '1 2', 'x-a', '', 'x-b', '3']);
    assert.equal(head.contentLength, -1);
  });

  it('absolute-form: the authority of the target replaces Host', () => {
    const { head } = one('GET http://b:81?q HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.deepEqual([head.scheme, head.authority, head.path, head.absoluteForm], ['http', 'b:81', '/?q', true]);
  });

  it('OPTIONS in asterisk-form and in absolute-form without a path', () => {
    assert.equal(one(`OPTIONS * HTTP/1.1\r\n${H}\r\n`).head.path, '*');
    assert.equal(one('OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n').head.path, '*');
  });

  it('an empty Host, an IPv6 Host, a Host with a trailing dot', () => {
    for (const host of ['', '[::1]:80', 'a.b.', 'a_b', '[fe80::1%25eth0]']) assert.equal(one(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`).head.authority, host);
  });

  it('HTTP/1.0 without Host; HTTP/1.7 as 1.1', () => {
    assert.deepEqual([one('GET / HTTP/1.0\r\n\r\n').head.version, one('GET / HTTP/1.0\r\n\r\n').head.authority], [0, '']);
    assert.equal(one(`GET / HTTP/1.7\r\n${H}\r\n`).head.version, 1);
  });

  it('two leading empty lines', () => {
    assert.equal(one(`\r\n\r\nGET / HTTP/1.1\r\n${H}\r\n`).head.method, 'GET');
  });

  it('hop-by-hop fields go, with those that Connection names; TE: trailers stays', () => {
    const { head } = one(`GET / HTTP/1.1\r\n${H}Connection: X-Drop , keep-alive, TE\r\nX-Drop: 1\r\nX-Keep: 2\r\nKeep-Alive: timeout=5\r\nProxy-Connection: x\r\n`
      + 'TE: gzip, Trailers\r\nUpgrade: foo\r\n\r\n');
    assert.deepEqual(head.fields, ['x-keep', '2', 'te', 'trailers']);
    assert.equal(head.upgrade, '');
  });

  it('TE without trailers goes', () => {
    assert.deepEqual(one(`GET / HTTP/1.1\r\n${H}TE: gzip;q=0.5\r\n\r\n`).head.fields, []);
  });

  it('Upgrade: the protocol in lower case; never h2c; never with a body; never from HTTP/1.0', () => {
    const ask = (protocol: string, more = '', version = '1.1'): string =>
      one(`GET / HTTP/${version}\r\n${H}Connection: Upgrade\r\nUpgrade: ${protocol}\r\n${more}\r\n`).head.upgrade;
    assert.equal(ask('WebSocket'), 'websocket');
    assert.equal(ask('h2c'), '');
    assert.equal(ask('h2c, foo/1'), 'foo/1');
    assert.equal(ask('websocket', '', '1.0'), '');
    assert.equal(one(`POST / HTTP/1.1\r\n${H}Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 1\r\n\r\na`).head.upgrade, '');
  });

  it('CONNECT', () => {
    const { seen, service } = recorder(() => {}, true);
    const s = memoryServer(service);
    s.feed('CONNECT a.b:443 HTTP/1.1\r\nHost: x\r\n\r\nearly');
    assert.deepEqual([seen[0]!.head.authority, seen[0]!.head.path, seen[0]!.ended, seen[0]!.body], ['a.b:443', '', false, '']);
  });

  it('Content-Length: 0 has no body; leading zeros are digits', () => {
    assert.deepEqual([one(`POST / HTTP/1.1\r\n${H}Content-Length: 0\r\n\r\n`).ended, one(`POST / HTTP/1.1\r\n${H}content-length: 003\r\n\r\nabc`).body], [true, 'abc']);
  });

  it('chunked with extensions and trailers; forbidden trailers go', () => {
    const seen = one(`${CHUNKED}3;a="b;c"\r\nabc\r\n00A\r\n0123456789\r\n0;last\r\nX-Sum: 1\r\nContent-Length: 9\r\nHost: evil\r\nAuthorization: x\r\nx-t:  2 \r\n\r\n`);
    assert.equal(seen.body, 'abc0123456789');
    assert.deepEqual(seen.trailers, ['x-sum', '1', 'x-t', '2']);
    assert.equal(seen.done, true);
  });

  it('chunked with only forbidden trailers has none', () => {
    assert.equal(one(`${CHUNKED}0\r\nHost: evil\r\n\r\n`).trailers, null);
  });

  it('a head that comes again and again gives the same result from the cache', () => {
    const bytes = `GET /1 HTTP/1.1\r\nHost: cached\r\nX: ${Math.random()}\r\nConnection: close\r\n\r\n`;
    const first = one(bytes).head;
    for (let i = 0; i < 4; i++) assert.deepEqual(one(bytes.replace('/1', '/2')).head.fields, first.fields);
  });
});
