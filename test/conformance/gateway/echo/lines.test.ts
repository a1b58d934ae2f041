import assert from 'node:assert/strict';
import { canonicalName, receivedLines, seenLines } from './lines.ts';

describe('the echo server of the Gateway API conformance suite', () => {
  it('writes header names as the suite looks for them', () => {
    assert.deepEqual(['x-header-set', 'LOCATION', 'x-1-two'].map(canonicalName), ['X-Header-Set', 'Location', 'X-1-Two']);
  });

  it('answers with one line for each thing that it saw', () => {
    const seen = { version: 'v1', port: 8080, host: 'echo', url: '/a?b=c', method: 'GET', protocol: 'HTTP/1.1', ip: '10.0.0.1', hostname: 'echo-v1-0', headers: ['x-a', '1', 'x-a', '2'] };
    assert.deepEqual(seenLines(seen), [
      'ServiceVersion=v1', 'ServicePort=8080', 'Host=echo', 'URL=/a?b=c', 'Method=GET', 'Proto=HTTP/1.1', 'IP=10.0.0.1',
      'RequestHeader=X-A:1', 'RequestHeader=X-A:2', 'Hostname=echo-v1-0',
    ]);
  });

  it('prints an answer with its number before each line, so that many can be told apart', () => {
    assert.deepEqual(receivedLines(3, { url: 'http://echo/', status: 302, headers: ['location', 'http://other/'], body: 'Hostname=x\n' }), [
      '[3] Url=http://echo/', '[3] StatusCode=302', '[3] ResponseHeader=Location:http://other/', '[3 body] Hostname=x',
    ]);
  });
});
