import assert from 'node:assert/strict';
import { POLICY_SETTINGS_CONFIG_MAP } from '../../../api/names.ts';
import { systemClock } from '../../../lib/clock.ts';
import { RESOURCES } from '../../../lib/kube/resources.ts';
import type { ConfigMap } from '../../../lib/kube/types.ts';
import { silentLog } from '../../../lib/log.ts';
import { until } from '../../../lib/testing/until.ts';
import { testPolicyCluster } from '../../cluster/testing/policy.ts';
import type { TestPolicyCluster } from '../../cluster/testing/policy.ts';
import { policyChanges } from '../changes.ts';
import { serviceReference } from '../routes/context.ts';
import { keepSettings, readSettingsEagerly } from './keep.ts';
import { watchKept } from './kept.ts';
import { settingsMemory } from './memory.ts';

const web = (annotations: Record<string, string>) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'shop', annotations }, spec: { ports: [{ port: 80 }] } });

/** One life of the policy service, as far as annotations go. */
async function life({ api, cluster, routes }: TestPolicyCluster) {
  const shared = { client: api.client(), namespace: 'mesh-system', clock: systemClock, log: silentLog() };
  const kept = watchKept(shared);
  const settings = settingsMemory((key) => kept.of(key));
  const changes = policyChanges(cluster, routes, kept.synced);
  const stopReading = readSettingsEagerly({ changes, cluster, routes, settings });
  const stopping = new AbortController();
  const running = keepSettings({ ...shared, changes, cluster, routes, settings, kept }, stopping.signal);
  await changes.synced;
  return {
    timeout() {
      const service = cluster.view.service('shop/web')!;
      const { timeouts, problems } = settings.of(service, serviceReference(service));
      return [timeouts.requestMs, ...problems.map((problem) => problem.message.split('; ')[1])];
    },
    async end() {
      stopping.abort();
      stopReading();
      await Promise.all([running, kept.stop()]);
    },
  };
}

describe('the last good annotations', () => {
  it('stay in force over a restart, and go when they are taken away', async () => {
    const cluster = await testPolicyCluster(
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${POLICY_SETTINGS_CONFIG_MAP}, namespace: mesh-system}`,
      web({ 'kubectl-mesh.io/timeout-request': '2s', 'kubectl-mesh.io/slow-start': '1m' }),
    );
    const data = () => cluster.api.get<ConfigMap>(RESOURCES.configmaps, `mesh-system/${POLICY_SETTINGS_CONFIG_MAP}`)!.data ?? {};
    const request = () => cluster.cluster.view.service('shop/web')?.metadata.annotations?.['kubectl-mesh.io/timeout-request'];
    const first = await life(cluster);
    await until('they are kept', () => data()['shop'] !== undefined);
    assert.deepEqual(JSON.parse(data()['shop']!), { 'Service shop/web': { 'timeout-request': '2s', 'slow-start': '1m' } });
    await first.end();

    cluster.api.apply(web({ 'kubectl-mesh.io/timeout-request': 'soon' }));
    await until('the edit is seen', () => request() === 'soon');
    const second = await life(cluster);
    assert.deepEqual(second.timeout(), [2000, '"2s" stays in force']);
    await until('what was removed is forgotten', () => data()['shop'] === JSON.stringify({ 'Service shop/web': { 'timeout-request': '2s' } }));
    await second.end();

    const third = await life(cluster);
    assert.deepEqual(third.timeout(), [2000, '"2s" stays in force']);
    cluster.api.apply(web({}));
    await until('nothing is kept', () => data()['shop'] === undefined);
    await third.end();
    await cluster.close();
  });

  it('that somebody has spoiled, or that are not there, count for nothing', async () => {
    const cluster = await testPolicyCluster(
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: POLICY_SETTINGS_CONFIG_MAP, namespace: 'mesh-system' }, data: { shop: '{' } } as ConfigMap,
      web({ 'kubectl-mesh.io/timeout-request': 'soon' }),
    );
    const spoiled = await life(cluster);
    assert.deepEqual(spoiled.timeout(), [undefined, 'it is left out']);
    await spoiled.end();
    cluster.api.remove(RESOURCES.configmaps, `mesh-system/${POLICY_SETTINGS_CONFIG_MAP}`);
    const none = await life(cluster);
    assert.deepEqual(none.timeout(), [undefined, 'it is left out']);
    await none.end();
    await cluster.close();
  });
});
