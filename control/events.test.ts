import assert from 'node:assert/strict';
import { ManualClock } from '../lib/clock.ts';
import { silentLog } from '../lib/log.ts';
import { until } from './serve/testing/mesh.ts';
import { eventRecorder } from './events.ts';
import { tokenApi, type TokenApi } from './identity/testing/token-api.ts';

describe('event recorder', () => {
  let api: TokenApi;
  beforeEach(async () => { api = await tokenApi(); });
  afterEach(() => api.close());
  const web = { apiVersion: 'v1', kind: 'ServiceAccount', namespace: 'default', name: 'web' };

  it('writes events under names of their own, and no more than the rate allows', async () => {
    const clock = new ManualClock(Date.UTC(2026, 0, 1));
    const events = eventRecorder({ kube: () => api.client, clock, log: silentLog(), component: 'mesh-identity', host: 'pod-1' });
    for (let i = 0; i < 200; i++) events.record(web, 'Normal', 'IssuedLeafCertificate', `n ${i}`);
    await until(() => api.events.length === 50);
    clock.advance(2000);
    for (let i = 0; i < 200; i++) events.record(web, 'Normal', 'IssuedLeafCertificate', `m ${i}`);
    await until(() => api.events.length === 60);
    assert.equal(new Set(api.events.map((e) => e.metadata.name)).size, 60);
    const [first] = api.events;
    assert.deepEqual([first?.metadata.namespace, first?.firstTimestamp, first?.source, first?.count], ['default', '2026-01-01T00:00:00.000Z', { component: 'mesh-identity', host: 'pod-1' }, 1]);
  });

  it('lets nothing fail when events cannot be written', async () => {
    const events = eventRecorder({ kube: () => api.client, clock: new ManualClock(), log: silentLog(), component: 'c', host: 'h' });
    await api.close();
    events.record(web, 'Warning', 'X', 'y');
    await new Promise((resolve) => { setTimeout(resolve, 20); });
    api = await tokenApi();
  });
});
