import assert from 'node:assert/strict';
import type * as http from 'node:http';
import type { TapEvent } from '../../api/metrics-api.ts';
import { cli } from '../shared/cli.ts';
import { EXIT } from '../shared/exit.ts';
import { fail, fakeCluster, type FakeCluster } from '../testing/fake-cluster.ts';
import { matchesGolden } from '../testing/golden.ts';
import { testIo, type TestIo } from '../testing/io.ts';
import { tapEvent } from '../testing/traffic.ts';

const PATH = '/apis/tap.kubectl-mesh.io/v1alpha1/watch/namespaces/bookshop/deployments/web/tap';
const request = (path: string): Pick<TapEvent, 'requestInit'> => ({ requestInit: { method: 'GET', scheme: 'http', authority: 'books:8080', path, headers: [['user-agent', 'x']] } });
const response = (httpStatus: number): Pick<TapEvent, 'responseInit'> => ({ responseInit: { sinceRequestInitMicros: 1234, httpStatus, headers: [] } });
const end = (more: object = {}): Pick<TapEvent, 'responseEnd'> => ({
  responseEnd: { sinceRequestInitMicros: 1333, sinceResponseInitMicros: 99, responseBytes: 12, trailers: [], ...more },
});
const INBOUND = { proxyDirection: 'INBOUND', destination: { ip: 'fd00::6', port: 8080, metadata: {} } } as const;
const EVENTS = [
  tapEvent('1.0', request('/a')), tapEvent('1.0', response(200)), tapEvent('1.0', end()),
  tapEvent('1.1', request('/grpc')), tapEvent('1.1', response(200)), tapEvent('1.1', end({ grpcStatus: 5 })),
  tapEvent('2.0', request('/evil\u001B[2J\n'), INBOUND), tapEvent('2.0', response(503), INBOUND), tapEvent('2.0', end({ resetErrorCode: 8 }), INBOUND),
];

describe('kubectl mesh tap', () => {
  let cluster: FakeCluster;
  let stream: http.ServerResponse | undefined;
  beforeEach(async () => {
    cluster = await fakeCluster();
    cluster.on(`GET ${PATH}`, (_, answer) => {
      stream = answer;
      answer.writeHead(200, { 'content-type': 'application/json' });
      for (const event of EVENTS) answer.write(`${JSON.stringify(event)}\n`);
    });
  });
  afterEach(async () => {
    stream?.end();
    await cluster.close();
  });

  const type = async (...argv: string[]): Promise<TestIo & { code: number }> => {
    const io = testIo();
    const code = await cli(['tap', 'deploy/web', '-n', 'bookshop', ...argv], io, cluster.deps);
    return Object.assign(io, { code });
  };

  it('says which exchanges a fault has hit', async () => {
    const injected = { destination: { ip: '10.1.0.6', port: 8080, metadata: { fault: 'abort' } } };
    cluster.on(`GET ${PATH}`, (_, answer) => {
      stream = answer;
      answer.writeHead(200, { 'content-type': 'application/json' });
      for (const event of [tapEvent('1.0', response(418), injected), tapEvent('1.0', end())]) answer.write(`${JSON.stringify(event)}\n`);
    });
    const lines = (await type('--limit', '2')).out().split('\n');
    assert.match(lines[0]!, /:status=418 .* injected=abort$/);
    assert.doesNotMatch(lines[1]!, /injected/);
  });

  it('prints lines as they come, until the limit', async () => {
    const { code, out } = await type('--limit', '9');
    assert.equal(code, EXIT.ok);
    matchesGolden(import.meta, 'text.txt', out());
    matchesGolden(import.meta, 'wide.txt', (await type('--limit', '9', '-o', 'wide')).out());
    assert.equal((await type('--limit', '2')).out().split('\n').length, 3);
  });

  it('prints JSON lines with headers', async () => {
    const { out } = await type('--limit', '9', '-o', 'json');
    assert.deepEqual(out().trim().split('\n').map((l) => JSON.parse(l) as unknown), EVENTS);
  });

  it('asks the control plane for what the filters say', async () => {
    await type('--limit', '1', '--method', 'get', '--path', '/api', '--authority', 'h', '--scheme', 'http', '--to', 'svc/books', '--to-namespace', 'other', '--max-rps', '7');
    const { searchParams } = new URL(`http://x${cluster.requests.at(-1)!.slice(4)}`);
    assert.deepEqual(Object.fromEntries(searchParams), {
      maxRps: '7', method: 'GET', path: '/api', authority: 'h', scheme: 'http', toKind: 'service', toName: 'books', toNamespace: 'other',
    });
  });

  it('shows whole exchanges by status', async () => {
    const kinds = async (status: string, limit: string): Promise<string[]> =>
      (await type('--status', status, '--limit', limit)).out().trim().split('\n').map((l) => l.split(' ').slice(0, 2).join(' '));
    assert.deepEqual(await kinds('5xx', '3'), ['req id=2.0', 'rsp id=2.0', 'end id=2.0']);
    assert.deepEqual(await kinds('200', '6'), ['req id=1.0', 'rsp id=1.0', 'end id=1.0', 'req id=1.1', 'rsp id=1.1', 'end id=1.1']);
  });

  it('ends well on Ctrl-C and after --for', async () => {
    const io = testIo();
    const ended = cli(['tap', 'deploy/web', '-n', 'bookshop'], io, cluster.deps);
    while (!io.out().includes('end id=2.0')) await new Promise((resolve) => { setImmediate(resolve); });
    io.interrupt();
    assert.equal(await ended, EXIT.ok);
    assert.equal(io.err(), '');
    assert.equal((await type('--for', '10s')).code, EXIT.ok);
  });

  it('fails when the control plane ends it, refuses it or sends nonsense', async () => {
    cluster.on(`GET ${PATH}`, (_, answer) => answer.writeHead(200).end());
    const ended = await type();
    assert.equal(ended.code, EXIT.failed);
    assert.match(ended.err(), /The control plane ended the tap/);
    cluster.on(`GET ${PATH}`, (_, answer) => answer.writeHead(200).end('no event\n'));
    assert.match((await type()).err(), /a line that is no tap event: no event/);
    cluster.on(`GET ${PATH}`, (_, answer) => fail(answer, 403, 'Forbidden', 'deployments.tap.kubectl-mesh.io "web" is forbidden: User "jane" cannot watch resource "deployments/tap" in API group "tap.kubectl-mesh.io" in the namespace "bookshop"'));
    const refused = await type();
    assert.equal(refused.code, EXIT.cluster);
    assert.match(refused.err(), /kubectl auth can-i watch deployments\.tap\.kubectl-mesh\.io --subresource=tap -n bookshop/);
  });
});
