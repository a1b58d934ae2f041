import assert from 'node:assert/strict';
import { VERSION } from '../../api/version.ts';
import { edges, missing, stat } from '../mesh/traffic.ts';
import { identityOf, waitFor } from './steps.ts';
import { kube } from './world.ts';

const AT = ['-n', 'bookshop'];
const mesh = (...args: string[]): Promise<string> => kube().must('ask', ['mesh', ...args]);

describe('kubectl mesh', () => {
  before(() => waitFor('all of the traffic in the figures', async () => {
    const what = await missing(kube());
    if (what !== '') throw new Error(what);
    return true;
  }));

  it('check finds nothing wrong', async () => {
    const results = JSON.parse(await mesh('check', '-o', 'json')) as { success: boolean };
    assert.equal(results.success, true, JSON.stringify(results));
    assert.match(await mesh('check'), /Status check results are √/);
  });

  it('version names plugin, control plane and proxies', async () => {
    assert.match(await mesh('version'), new RegExp(`Client version: ${VERSION}[^]*Server version: ${VERSION}`));
    assert.ok(JSON.stringify(JSON.parse(await mesh('version', '-o', 'json'))).includes(VERSION));
  });

  it('stat counts every Deployment, as table and as JSON', async () => {
    const rows = await stat(kube());
    assert.deepEqual(rows.map(({ name, meshed }) => [name, meshed]), [['books', '2/2'], ['flaky', '1/1'], ['load', '1/1'], ['quotes', '1/1'], ['reviews', '2/2'], ['web', '2/2']]);
    const flaky = rows.find(({ name }) => name === 'flaky')!;
    assert.ok(flaky.success! > 0.4 && flaky.success! < 0.98, `flaky fails one in five: ${flaky.success}`);
    for (const name of ['web', 'books', 'reviews']) {
      const row = rows.find((r) => r.name === name)!;
      assert.ok(row.rps! > 0 && row.success! > 0.9 && row.latency_ms_p99! >= row.latency_ms_p50!, JSON.stringify(row));
    }
    const table = (await mesh('stat', 'deploy', ...AT)).split('\n');
    assert.match(table[0]!, /^NAME +MESHED +SUCCESS +RPS +LATENCY_P50 +LATENCY_P95 +LATENCY_P99 +TCP_CONN$/);
    assert.ok(table.some((line) => /^web +2\/2 +[\d.]+% +[\d.]+rps +\d+ms/.test(line)), table.join('\n'));
  });

  it('stat counts pods, namespaces and services too', async () => {
    for (const [kind, name] of [['po', /^web-/], ['ns', /^bookshop$/], ['svc', /^web$/]] as const) {
      const rows = JSON.parse(await mesh('stat', kind, ...AT, '-o', 'json')) as { name: string }[];
      assert.ok(rows.some((row) => name.test(row.name)), `${kind}: ${JSON.stringify(rows)}`);
    }
  });

  it('edges shows every connection secured, with both identities', async () => {
    const rows = await edges(kube());
    for (const [src, dst] of [['load', 'web'], ['load', 'flaky'], ['load', 'quotes'], ['web', 'books'], ['web', 'reviews']] as const) {
      const row = rows.find((r) => r.src === src && r.dst === dst && r.dst_namespace === 'bookshop');
      assert.deepEqual([row?.secured, row?.client_id, row?.server_id], [true, identityOf(src, 'bookshop'), identityOf(dst, 'bookshop')], `${src} > ${dst}`);
    }
    assert.match(await mesh('edges', 'deploy', ...AT), /^SRC +DST +SRC_NS +DST_NS +SECURED\n/);
  });

  it('tap shows requests as they happen, filtered', async () => {
    const text = await mesh('tap', 'deploy/web', '--to', 'deploy/books', ...AT, '--limit', '6');
    assert.match(text, /^req id=\S+ proxy=out src=\S+ dst=\S+ tls=true :method=POST :authority=books:50051 :path=\/bookshop\.v1\.Books\/List/m);
    const failed = (await mesh('tap', 'deploy/flaky', '--status', '5xx', ...AT, '--limit', '3', '-o', 'json')).trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.equal(failed.length, 3);
    assert.ok(failed.some((event) => JSON.stringify(event).includes('500')), JSON.stringify(failed));
  });

  it('plain kubectl prints the figures as well', async () => {
    const table = await kube().must('get trafficmetrics', ['get', 'trafficmetrics', ...AT]);
    assert.match(table, /^NAME +MESHED +SUCCESS +RPS/);
    assert.match(table, /^web +2\/2 /m);
    const list = await kube().json<{ kind: string; items: { metadata: { name: string } }[] }>('get trafficmetrics', ['get', 'trafficmetrics', ...AT]);
    assert.ok(list.items.some((item) => item.metadata.name === 'web'));
  });

  it('figures are for those who may read them', async () => {
    const { code, stderr } = await kube().kubectl(['mesh', 'stat', 'deploy', ...AT, '--as', 'nobody']);
    assert.notEqual(code, 0);
    assert.match(stderr, /^error: /);
    const plain = await kube().kubectl(['get', 'trafficmetrics', ...AT, '--as', 'nobody']);
    assert.match(plain.stderr, /forbidden/i);
  });

  it('install -o yaml gives the objects that install made', async () => {
    const yaml = await mesh('install', '-o', 'yaml');
    const { code, stdout, stderr } = await kube().kubectl(['diff', '--server-side', '--force-conflicts', '--field-manager=kubectl-mesh', '-f', '-'], { input: yaml });
    assert.equal(code, 0, stdout + stderr);
  });
});
