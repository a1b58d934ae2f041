import assert from 'node:assert/strict';
import type { Service } from '../../lib/kube/types.ts';
import { cli } from '../shared/cli.ts';
import { EXIT } from '../shared/exit.ts';
import { fakeCluster, send, type FakeCluster } from '../testing/fake-cluster.ts';
import { matchesGolden } from '../testing/golden.ts';
import { testIo } from '../testing/io.ts';

const PATH = '/api/v1/namespaces/shop/services/books';

describe('kubectl mesh fault', () => {
  let cluster: FakeCluster;
  let service: Service;
  beforeEach(async () => {
    service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'books', namespace: 'shop', annotations: { other: 'stays' } }, spec: {} };
    cluster = await fakeCluster(service);
    cluster.on(`GET ${PATH}`, (_, response) => send(response, 200, service));
    cluster.on(`PATCH ${PATH}`, ({ url, body }, response) => {
      const annotations = { ...service.metadata.annotations, ...(body as { metadata: { annotations: Record<string, string | null> } }).metadata.annotations };
      const after = { ...service, metadata: { ...service.metadata, annotations: Object.fromEntries(Object.entries(annotations).filter((e): e is [string, string] => e[1] !== null)) } };
      if (!url.searchParams.has('dryRun')) service = after;
      send(response, 200, after);
    });
  });
  afterEach(() => cluster.close());

  const type = async (...argv: string[]): Promise<{ code: number; out: string; err: string }> => {
    const io = testIo();
    const code = await cli(['fault', ...argv, '-n', 'shop'], io, cluster.deps);
    return { code, out: io.out(), err: io.err() };
  };

  it('writes a fault on the Service and shows it', async () => {
    const { code, out, err } = await type('svc/books', '--delay', '100ms-500ms', '--abort', '503', '--percent', '10', '--for', '5m');
    assert.equal(code, EXIT.ok, err);
    matchesGolden(import.meta, 'set.txt', out + err);
    assert.deepEqual(service.metadata.annotations, {
      other: 'stays', 'kubectl-mesh.io/fault-delay': '100ms-500ms', 'kubectl-mesh.io/fault-delay-percent': '10', 'kubectl-mesh.io/fault-abort': '503',
      'kubectl-mesh.io/fault-abort-percent': '10', 'kubectl-mesh.io/fault-until': '2026-01-01T00:05:00Z',
    });
  });

  it('replaces a fault by another and leaves nothing of the first', async () => {
    await type('books', '--delay', '1s', '--abort', '500');
    await type('books', '--abort', 'grpc:unavailable');
    assert.deepEqual(Object.keys(service.metadata.annotations!).sort(), ['kubectl-mesh.io/fault-abort', 'kubectl-mesh.io/fault-abort-percent', 'kubectl-mesh.io/fault-until', 'other']);
  });

  it('shows one, also when it has ended', async () => {
    await type('books', '--delay', '1s');
    assert.deepEqual(JSON.parse((await type('books', '-o', 'json')).out), [{ fault: 'delay', value: '1s', percent: 100, until: '2026-01-01T00:05:00Z', ended: false }]);
    service.metadata.annotations!['kubectl-mesh.io/fault-until'] = '2025-12-31T23:59:59Z';
    assert.match((await type('books')).out, /2025-12-31T23:59:59Z \(ended\)/);
  });

  it('ends one', async () => {
    await type('books', '--delay', '1s');
    assert.match((await type('books', '--remove')).err, /left alone/);
    assert.deepEqual(service.metadata.annotations, { other: 'stays' });
    assert.match((await type('books', '--remove')).err, /has no fault, so there is nothing to end/);
    assert.match((await type('books')).err, /has no fault\. Make one with/);
  });

  it('changes nothing in a dry run', async () => {
    assert.match((await type('books', '--delay', '1s', '--dry-run')).out, /delay\s+1s/);
    assert.deepEqual(service.metadata.annotations, { other: 'stays' });
  });

  for (const [what, argv, says] of [
    ['a delay that is none', ['books', '--delay', 'long'], /--delay takes a duration/],
    ['a range the wrong way round', ['books', '--delay', '2s-1s'], /--delay takes a duration/],
    ['a status that is none', ['books', '--abort', '99'], /--abort takes an HTTP status/],
    ['a gRPC code that is none', ['books', '--abort', 'grpc:tired'], /--abort takes an HTTP status/],
    ['a share beyond all', ['books', '--abort', '500', '--percent', '101'], /--percent is a number above 0/],
    ['no share', ['books', '--abort', '500', '--percent', '0'], /--percent is a number above 0/],
    ['a fault and its end', ['books', '--abort', '500', '--remove'], /--remove ends the fault/],
    ['what is no Service', ['deploy/books', '--abort', '500'], /write svc\/NAME/],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const result = await type(...argv);
      assert.equal(result.code, EXIT.usage);
      assert.match(result.err, says);
    });
  }
});
