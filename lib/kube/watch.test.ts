import assert from 'node:assert/strict';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../clock.ts';
import { createKubeClient } from './client.ts';
import { plain } from './connection.ts';
import { RESOURCES } from './resources.ts';
import { fakeApiServer } from './testing/fake-api-server.ts';
import type { FakeApiServer } from './testing/fake-api-server.ts';
import type { ConfigMap } from './types.ts';
import { watch } from './watch.ts';
import type { Watcher, WatchOptions } from './watch.ts';
import { until } from '../testing/until.ts';

const { configmaps } = RESOURCES;
const cm = (name: string, value = '', namespace = 'default'): ConfigMap => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data: { value } });
/** The real clock with backoff cut short, so that it is exercised but not sat through. */
const hasty = { ...systemClock, after: (ms: number, f: () => void) => systemClock.after(ms < 20_000 ? Math.min(ms, 20) : ms, f) };

describe('watch', () => {
  let api: FakeApiServer;
  let watcher: Watcher<ConfigMap> | undefined;
  const seen: string[] = [];
  const logged: string[] = [];
  const note = (fields: object, message: string) => void logged.push(`${message} ${JSON.stringify(fields)}`);
  const log = { debug: note, warn: note, error: note };

  function start(options: Partial<WatchOptions<ConfigMap>> = {}): Watcher<ConfigMap> {
    const made = watch({ client: api.client(), resource: configmaps, log, clock: hasty, ...options });
    made.on({
      added: (o) => seen.push(`+${o.metadata.name}=${o.data?.['value']}`),
      updated: (o, old) => seen.push(`~${o.metadata.name}=${old.data?.['value']}>${o.data?.['value']}`),
      deleted: (o) => seen.push(`-${o.metadata.name}=${o.data?.['value']}`),
      synced: () => seen.push('synced'),
    });
    watcher = made;
    return made;
  }
  const lists = () => api.requests.filter((r) => !r.includes('watch=true')).length;

  beforeEach(async () => {
    seen.length = 0;
    logged.length = 0;
    api = await fakeApiServer(cm('a', '1'), cm('b', '1'), cm('c', '1'));
  });
  afterEach(async () => {
    await watcher?.stop();
    watcher = undefined;
    await api.close();
  });

  it('lists in pages, then follows changes with the old object at hand', async () => {
    const w = start({ pageSize: 2 });
    assert.equal(w.hasSynced(), false);
    await w.synced;
    assert.deepEqual(seen, ['+a=1', '+b=1', '+c=1', 'synced']);
    assert.equal(lists(), 2);
    api.apply(cm('a', '2'), cm('d', '1'));
    api.remove(configmaps, 'default/b');
    await until('three events', () => seen.length === 7);
    assert.deepEqual(seen.slice(4), ['~a=1>2', '+d=1', '-b=1']);
    assert.deepEqual(Array.from(w.store.keys()).sort(), ['default/a', 'default/c', 'default/d']);
  });

  it('resumes where a bookmark put it, without listing again', async () => {
    const w = start();
    await w.synced;
    await until('the watch is open', () => api.watches() === 1);
    api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'elsewhere' } });
    api.bookmark();
    api.apply(cm('a', '2'));
    await until('the event', () => seen.includes('~a=1>2'));
    const version = api.state.version;
    api.endWatches();
    await until('the next watch', () => api.requests.some((r) => r.includes(`watch=true`) && r.includes(`resourceVersion=${version}&`)));
    assert.equal(lists(), 1);
    assert.match(api.requests.at(-1)!, /allowWatchBookmarks=true/);
  });

  it('loses nothing when connections break in the middle of an event', async () => {
    const w = start();
    await w.synced;
    for (let i = 0; i < 5; i++) {
      await until('the watch is open', () => api.watches() === 1);
      api.endWatches('mid-line');
      api.apply(cm('a', `x${i}`));
      await until('the change', () => w.store.get('default/a')?.data?.['value'] === `x${i}`);
    }
    assert.equal(lists(), 1);
  });

  it('lists again on 410 and tells only the difference, deletions included', async () => {
    const w = start();
    await w.synced;
    await until('the watch is open', () => api.watches() === 1);
    api.failNext(500, 500);
    api.endWatches();
    api.remove(configmaps, 'default/b');
    api.apply(cm('c', '2'), cm('e', '1'));
    api.state.compact();
    seen.length = 0;
    await until('the difference', () => seen.length === 3);
    assert.deepEqual(seen, ['~c=1>2', '+e=1', '-b=1']);
    assert.equal(w.lastError(), undefined);
    assert.equal(lists(), 2);
  });

  it('starts over when a page is too old, and tries for ever while the server fails', async () => {
    api.failNext(500, 410, 503, 429);
    const w = start();
    await w.synced;
    assert.equal(w.store.size, 3);
    assert.equal(logged.filter((line) => line.startsWith('watch interrupted')).length, 4);
  });

  it('opens a watch anew after a long silence, which is no failure', async () => {
    const w = start({ idleMs: 30 });
    await w.synced;
    await until('two more watches', () => api.requests.filter((r) => r.includes('watch=true')).length >= 3);
    assert.ok(logged.every((line) => line.startsWith('nothing came for long')), logged.join('\n'));
    assert.equal(w.lastError(), undefined);
    api.apply(cm('a', '2'));
    await until('the event', () => seen.includes('~a=1>2'));
    assert.equal(lists(), 1);
  });

  describe('when the API server is away for a while', () => {
    const MANY = 30;
    const waits: number[] = [];
    /** what each watch draws, whatever it draws for */
    const chance = (i: number): number => (i + 1) / (MANY + 1);
    const clock = { ...hasty, after: (ms: number, f: () => void) => {
      if (ms < 20_000) waits.push(ms);
      return hasty.after(ms, f);
    } };
    let many: Watcher<ConfigMap>[];
    beforeEach(async () => {
      waits.length = 0;
      many = Array.from({ length: MANY }, (_, i) => watch({ client: api.client(), resource: configmaps, log, clock, pageSize: 2, random: () => chance(i) }));
      await Promise.all(many.map((one) => one.synced));
      await until('all watch', () => api.watches() === MANY);
      api.requests.length = 0;
      await api.down();
      await until('each has tried several times', () => logged.filter((line) => line.startsWith('watch interrupted')).length >= 5 * MANY);
    });
    afterEach(() => Promise.all(many.map((one) => one.stop())));
    const arrived = (): Promise<void> => until('what changed meanwhile, everywhere', () => many.every((one) => one.store.get('default/a')?.data?.['value'] === '2' && one.store.size === 2));

    it('resumes every watch without listing, with pauses that grow and differ', async () => {
      api.apply(cm('a', '2'));
      api.remove(configmaps, 'default/b');
      await api.up();
      await arrived();
      assert.equal(lists(), 0);
      assert.ok(Math.max(...waits) > 8 * Math.min(...waits) && new Set(waits.map(Math.round)).size > MANY, 'waits that grow and are not in step');
    });

    it('lists once for each watch where it has forgotten, spread out and in pages', async () => {
      api.apply(cm('a', '2'));
      api.remove(configmaps, 'default/b');
      api.state.compact();
      waits.length = 0;
      await api.up();
      await arrived();
      assert.equal(lists(), MANY);
      assert.ok(api.requests.filter((r) => !r.includes('watch=true')).every((r) => r.includes('limit=2')));
      assert.ok(many.every((_, i) => waits.includes(chance(i) * 3000)), 'each at its own time within three seconds');
    });
  });

  it('goes on when a handler throws', async () => {
    const w = start();
    w.on({ updated: () => { throw new Error('broken handler'); } });
    await w.synced;
    api.apply(cm('a', '2'));
    api.apply(cm('a', '3'));
    await until('both', () => seen.includes('~a=2>3'));
    assert.equal(logged.filter((line) => line.includes('a handler failed on updated')).length, 2);
  });

  it('narrows by namespace and selectors, trims and indexes', async () => {
    api.apply({ ...cm('x', 'blue', 'web'), metadata: { name: 'x', namespace: 'web', labels: { app: 'x' }, managedFields: [{}] } }, cm('y', 'blue', 'web'));
    const w = start({
      namespace: 'web',
      labelSelector: 'app=x',
      trim: (o) => ({ metadata: o.metadata, data: { value: o.data!['value']! } }),
      indexes: { value: (o) => [o.data?.['value'] ?? ''] },
    });
    await w.synced;
    assert.deepEqual(w.store.by('value', 'blue').map((o) => o.metadata.name), ['x']);
    assert.equal(w.store.get('web/x')!.metadata.managedFields, undefined);
    assert.equal(w.store.get('web/x')!.kind, undefined);
  });

  it('tells late handlers what is known, and nothing after they leave', async () => {
    const w = start();
    await w.synced;
    const late: string[] = [];
    const leave = w.on({ added: (o) => late.push(o.metadata.name), synced: () => late.push('synced') });
    assert.deepEqual(late, ['a', 'b', 'c', 'synced']);
    leave();
    api.apply(cm('d'));
    await until('the other handler', () => seen.includes('+d='));
    assert.equal(late.length, 4);
  });

  it('backs off from a server that ends every watch at once', async () => {
    let watches = 0;
    const waits: number[] = [];
    const server = http.createServer((request, response) => {
      if (request.url!.includes('watch=true')) watches++;
      response.end(request.url!.includes('watch=true') ? '' : '{"metadata":{"resourceVersion":"7"},"items":[]}');
    });
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    const client = createKubeClient({ connection: plain(`http://127.0.0.1:${(server.address() as AddressInfo).port}`), name: 't' });
    const clock = { ...hasty, after: (ms: number, f: () => void) => {
      if (ms < 20_000) waits.push(ms);
      return hasty.after(ms < 20_000 ? 1 : 150_000, f);
    } };
    const w = watch({ client, resource: configmaps, log, clock, random: () => 0 });
    await until('eight watches', () => watches >= 8);
    await w.stop();
    assert.deepEqual(waits.slice(0, 7), [100, 200, 400, 800, 1600, 3200, 6400]);
    client.close();
    await new Promise((resolve) => { server.close(resolve); });
  });

  it('stops in the middle of a wait and of a watch', async () => {
    const w = start();
    await w.synced;
    await until('the watch is open', () => api.watches() === 1);
    await w.stop();
    await until('no watch is left', () => api.watches() === 0);
    api.failNext(500);
    const slow = watch({ client: api.client(), resource: configmaps, log });
    await until('it waits', () => slow.lastError() !== undefined);
    await slow.stop();
    assert.equal(slow.hasSynced(), false);
  });
});
