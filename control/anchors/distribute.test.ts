import assert from 'node:assert/strict';
import { systemClock } from '../../lib/clock.ts';
import { RESOURCES } from '../../lib/kube/resources.ts';
import { fakeApiServer } from '../../lib/kube/testing/fake-api-server.ts';
import type { FakeApiServer } from '../../lib/kube/testing/fake-api-server.ts';
import type { ConfigMap, KubeObject } from '../../lib/kube/types.ts';
import { silentLog } from '../../lib/log.ts';
import { distribute } from './distribute.ts';
import type { Distribution } from './distribute.ts';
import { until } from '../../lib/testing/until.ts';

const namespace = (name: string, more: object = {}): KubeObject => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, ...more } });
const anchors = (pem: string, inNamespace = 'mesh-system', more: object = {}): KubeObject => ({
  apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'mesh-trust-anchors', namespace: inNamespace }, data: { 'ca-bundle.crt': pem }, ...more,
} as KubeObject);
const LABELS = { 'kubectl-mesh.io/component': 'trust-anchors', 'app.kubernetes.io/part-of': 'kubectl-mesh' };

describe('trust anchor copies', () => {
  let api: FakeApiServer;
  let running: Distribution;
  let writes: string[];

  async function start(...manifests: KubeObject[]) {
    api = await fakeApiServer(namespace('mesh-system'), ...manifests);
    writes = [];
    running = distribute({ client: api.client(), config: { controlNamespace: 'mesh-system' }, log: silentLog(), clock: systemClock, onWrite: (name) => writes.push(name) });
  }
  const copy = (name: string) => api.get<ConfigMap>(RESOURCES.configmaps, `${name}/mesh-trust-anchors`);
  const has = (name: string, pem: string) => until(`${name} has ${pem}`, () => copy(name)?.data?.['ca-bundle.crt'] === pem);
  afterEach(async () => {
    await running.stop();
    await api.close();
  });

  it('fills every namespace, new ones too, and follows the source', async () => {
    await start(namespace('shop'), anchors('PEM1'));
    await has('shop', 'PEM1');
    assert.deepEqual(copy('shop')!.metadata.labels, LABELS);
    api.apply(namespace('fresh'));
    await has('fresh', 'PEM1');
    api.apply(anchors('PEM1 PEM2'));
    await Promise.all(['shop', 'fresh'].map((name) => has(name, 'PEM1 PEM2')));
    assert.equal(copy('mesh-system')!.metadata.labels, undefined, 'the source is left as it is');
  });

  it('puts right what somebody deleted, edited or froze', async () => {
    await start(namespace('shop'), anchors('PEM'));
    await has('shop', 'PEM');
    api.remove(RESOURCES.configmaps, 'shop/mesh-trust-anchors');
    await has('shop', 'PEM');
    api.apply(anchors('EVIL', 'shop'));
    await has('shop', 'PEM');
    await until('three writes', () => writes.length === 3);
    api.apply(anchors('PEM', 'shop'));
    await until('the labels are back', () => copy('shop')?.metadata.labels !== undefined);
    await until('the fourth', () => writes.length === 4);
    api.apply(anchors('FROZEN', 'shop', { immutable: true }));
    await has('shop', 'PEM');
    assert.ok(api.requests.includes('DELETE /api/v1/namespaces/shop/configmaps/mesh-trust-anchors'));
  });

  it('writes nothing when all is in order, and leaves ending namespaces alone', async () => {
    await start(
      namespace('shop'), namespace('ending', { deletionTimestamp: '2026-01-01T00:00:00Z' }), anchors('PEM'),
      { ...anchors('PEM', 'shop'), metadata: { name: 'mesh-trust-anchors', namespace: 'shop', labels: LABELS } },
    );
    api.apply(namespace('last'));
    await has('last', 'PEM');
    await until('it was written', () => writes.length > 0);
    assert.deepEqual(writes, ['last']);
    assert.equal(copy('ending'), undefined);
    assert.ok(api.requests.every((request) => !request.includes('/configmaps?') || request.includes('fieldSelector=metadata.name%3Dmesh-trust-anchors')));
  });

  it('waits for the source, and tries again when the server fails', async () => {
    await start(namespace('shop'));
    await until('it watches', () => api.watches() === 2);
    api.failNext(500, 500);
    api.apply(anchors('PEM'));
    await has('shop', 'PEM');
  });
});
