import assert from 'node:assert/strict';
import { clientOptions, serverOptions, UsageError } from './options.ts';

describe('command lines of the conformance suite', () => {
  it('reads those of its manifests', () => {
    const args = ['--tcp=9090', '--port=8080', '--grpc=7070', '--port=8443', '--tls=8443', '--crt=/cert.crt', '--key=/cert.key'];
    assert.deepEqual(serverOptions(args), { http: [8080], https: [8443], grpc: [7070], tcp: [9090] });
  });

  it('reads those of its tests', () => {
    const { url, ...rest } = clientOptions(['http://echo/a?b', '--method=POST', '-H', 'X-A:1', '-H', 'Host: other:80', '--count=3']);
    assert.equal(url.href, 'http://echo/a?b');
    assert.deepEqual(rest, { method: 'POST', headers: ['X-A', '1', 'Host', 'other:80'], count: 3 });
    assert.equal(clientOptions(['grpc://echo:7070']).url.port, '7070');
  });

  for (const [what, read] of [
    ['a port that is none', () => serverOptions(['--port=http'])],
    ['a flag that is none', () => serverOptions(['--colour'])],
    ['no URL', () => clientOptions([])],
    ['two URLs', () => clientOptions(['http://a', 'http://b'])],
    ['another scheme', () => clientOptions(['ftp://a'])],
    ['a header without a name', () => clientOptions(['http://a', '-H', ':x'])],
    ['a count of nothing', () => clientOptions(['http://a', '--count=0'])],
  ] as const) it(`refuses ${what}`, () => assert.throws(read, UsageError));
});
