import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ManualClock, systemClock } from '../../lib/clock.ts';
import { fakeApiServer } from '../../lib/kube/testing/fake-api-server.ts';
import { silentLog } from '../../lib/log.ts';
import { startAggregator } from './aggregator.ts';
import { shareDirectory } from './directory.ts';
import { fetchMetrics } from './fetch.ts';
import { FIELD, FIELDS } from './history.ts';
import { type Scraper, startScraper } from './scraper.ts';

/** Lets everything that is due run, without time passing. */
const settle = (): Promise<void> => new Promise((resolve) => { setImmediate(() => setImmediate(resolve)); });

describe('scraper', () => {
  let pending: { ip: string; done: (text: string) => void; fail: (e: Error) => void; signal: AbortSignal }[];
  let events: string[];
  let clock: ManualClock;
  let scraper: Scraper;

  beforeEach(() => {
    pending = [];
    events = [];
    clock = new ManualClock();
    scraper = startScraper({
      clock, random: () => 0, intervalMs: 5000, timeoutMs: 4000, concurrency: 2,
      fetch: (ip, _port, signal) => new Promise((done, fail) => {
        pending.push({ ip, done, fail, signal });
        signal.addEventListener('abort', () => fail(signal.reason as Error));
      }),
      scraped: ({ key }, text, at) => events.push(`${key} ${text} ${at}`),
      failed: ({ key }, error) => events.push(`${key} failed: ${(error as Error).message}`),
    });
  });
  afterEach(() => scraper.stop());

  const add = (key: string): void => scraper.add({ key, ip: `ip-${key}`, port: 4191 });

  it('asks each target every interval', async () => {
    add('a');
    for (let i = 0; i < 3; i++) {
      clock.advance(i === 0 ? 0 : 5000);
      pending.shift()!.done('text');
      await settle();
    }
    assert.deepEqual(events, ['a text 0', 'a text 5000', 'a text 10000']);
  });

  it('has no more under way than it may, and lets the others wait their turn', async () => {
    for (const key of ['a', 'b', 'c']) add(key);
    clock.advance(0);
    assert.deepEqual(pending.map((p) => p.ip), ['ip-a', 'ip-b']);
    pending[0]!.done('x');
    await settle();
    assert.deepEqual(pending.map((p) => p.ip), ['ip-a', 'ip-b', 'ip-c']);
  });

  it('gives up on a slow target and asks again at its next turn', async () => {
    add('a');
    clock.advance(0);
    clock.advance(4000);
    await settle();
    assert.deepEqual(events, ['a failed: no answer within 4000 ms']);
    clock.advance(1000);
    assert.equal(pending.length, 2);
  });

  it('follows a target to a new address, and drops the answer of one that is gone', async () => {
    add('a');
    clock.advance(0);
    scraper.remove('a');
    pending[0]!.done('late');
    await settle();
    scraper.add({ key: 'a', ip: 'other', port: 1 });
    clock.advance(5000);
    assert.equal(pending[1]!.ip, 'other');
    assert.deepEqual(events, []);
  });

  it('stops what is under way', async () => {
    add('a');
    clock.advance(0);
    await scraper.stop();
    assert.equal(pending[0]!.signal.aborted, true);
    clock.advance(20_000);
    assert.equal(pending.length, 1);
  });
});

describe('aggregator', () => {
  let server: Server;
  let port: number;
  let status = 200;
  let requests = 0;
  before(async () => {
    server = createServer((_request, response) => {
      requests++;
      response.writeHead(status).end(`response_total{direction="inbound",classification="success"} ${requests * 10}\n`);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  });
  after(() => server.close());

  it('scrapes meshed pods as they come, and keeps for a while what those told that are gone', async () => {
    const api = await fakeApiServer();
    const kube = api.client();
    const { directory, release } = shareDirectory({ kube, clock: systemClock, log: silentLog(), controlNamespace: 'mesh-system' });
    const clock = new ManualClock(Date.now());
    const aggregator = startAggregator({ directory, clock, random: () => 0, fetch: fetchMetrics, log: silentLog() });
    try {
      const pod = (name: string, meshed: boolean): Parameters<typeof api.apply>[0] => ({
        apiVersion: 'v1', kind: 'Pod',
        metadata: { name, namespace: 'shop', ...(meshed && { labels: { 'kubectl-mesh.io/control-plane-ns': 'mesh-system' } }) },
        spec: { containers: [{ name: 'mesh-proxy', ports: [{ name: 'mesh-admin', containerPort: port }] }] },
        status: { phase: 'Running', podIP: '127.0.0.1' },
      } as Parameters<typeof api.apply>[0]);
      api.apply(pod('web', true), pod('plain', false));
      const wait = async (condition: () => boolean): Promise<void> => { while (!condition()) await settle(); };
      await wait(() => Array.from(aggregator.observed()).length > 0);
      clock.advance(0);
      await wait(() => Array.from(aggregator.observed())[0]!.traffic.lastAt !== undefined);
      clock.advance(5000);
      const [one, ...none] = Array.from(aggregator.observed());
      assert.deepEqual(none, []);
      await wait(() => !one!.traffic.served.history.empty);
      const sum = new Float64Array(FIELDS);
      one!.traffic.served.history.sumInto(sum, 0, 1e15);
      assert.equal(sum[FIELD.success], 10);

      status = 500;
      clock.advance(5000);
      await wait(() => requests === 3);
      api.remove(api.state.resourceOf({ apiVersion: 'v1', kind: 'Pod', metadata: { name: '' } }), 'shop/web');
      await wait(() => !Array.from(aggregator.observed())[0]!.facts.live);
      clock.advance(400_000);
      assert.deepEqual(Array.from(aggregator.observed()), []);
      assert.equal(requests, 3);
    } finally {
      await aggregator.stop();
      await release();
      await api.close();
    }
  });

  it('fetch reports statuses and refusals as errors', async () => {
    status = 404;
    await assert.rejects(fetchMetrics('127.0.0.1', port, new AbortController().signal), /status 404/);
    await assert.rejects(fetchMetrics('127.0.0.1', 1, new AbortController().signal), /ECONNREFUSED/);
  });
});
