import assert from 'node:assert/strict';
import type { Canary } from '../../api/crds/canary.ts';
import type { Service, Workload } from '../../lib/kube/types.ts';
import { canaryDeployment, canaryName, canaryRoute, canaryService } from './objects.ts';

const canary: Canary = {
  metadata: { name: 'web', namespace: 'shop', uid: 'uid-1' },
  spec: {
    target: { name: 'web' }, service: { name: 'web', port: 80 }, images: [{ container: 'web', image: 'web:2' }],
    interval: '1m', thresholds: { minRequests: 10, maxFailures: 1 }, startTimeout: '5m',
  },
};
const target = (selector: Record<string, string>, labels: Record<string, string>): Workload => ({
  metadata: { name: 'web', namespace: 'shop', labels: { team: 'a' }, annotations: { 'kubectl-mesh.io/inject': 'enabled' } },
  spec: {
    replicas: 3, selector: { matchLabels: selector },
    template: { metadata: { labels, annotations: { 'kubectl-mesh.io/inject': 'enabled' } }, spec: { containers: [{ name: 'web', image: 'web:1' }, { name: 'log', image: 'log:1' }] } },
  },
});
const service = (selector: Record<string, string>): Service => ({
  metadata: { name: 'web', namespace: 'shop', annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}', 'config.linkerd.io/opaque-ports': '81' } },
  spec: { clusterIP: '10.0.0.1', selector, ports: [{ name: 'http', port: 80, targetPort: 'http', nodePort: 30_000, appProtocol: 'http' }] },
});

describe('the objects of a canary', () => {
  it('are the target with new images, and pods that neither the Service nor the target\'s Deployment selects', () => {
    const labels = { app: 'web', tier: 'front', 'pod-color': 'blue' };
    for (const [own, selected] of [[{ app: 'web' }, { app: 'web' }], [{ app: 'web', tier: 'front' }, { tier: 'front' }], [{ app: 'web' }, { tier: 'front' }]] as const) {
      const d = canaryDeployment(canary, target({ ...own }, labels), service({ ...selected }));
      const pods = d.spec.template.metadata!.labels!;
      for (const selector of [own, selected]) assert.ok(Object.entries(selector).some(([key, value]) => pods[key] !== value), JSON.stringify([selector, pods]));
      assert.ok(Object.entries(d.spec.selector!.matchLabels!).every(([key, value]) => pods[key] === value));
      assert.ok(Object.entries(canaryService(canary, target({ ...own }, labels), service({ ...selected })).spec.selector!).every(([key, value]) => pods[key] === value));
    }
    const d = canaryDeployment(canary, target({ app: 'web' }, labels), service({ app: 'web' }));
    assert.equal(d.metadata.name, 'web-canary');
    assert.equal(d.spec.replicas, 3);
    assert.deepEqual(d.spec.template.spec.containers, [{ name: 'web', image: 'web:2' }, { name: 'log', image: 'log:1' }]);
    assert.deepEqual(d.spec.template.metadata, { labels: { app: 'web-canary', tier: 'front', 'pod-color': 'blue' }, annotations: { 'kubectl-mesh.io/inject': 'enabled' } });
    assert.equal(d.metadata.ownerReferences![0]!.uid, 'uid-1');
  });

  it('have a Service like the target\'s, without what is its alone', () => {
    const s = canaryService(canary, target({ app: 'web' }, { app: 'web' }), service({ app: 'web' }));
    assert.deepEqual(s.spec, { selector: { app: 'web-canary' }, ports: [{ port: 80, name: 'http', appProtocol: 'http', targetPort: 'http' }] });
    assert.deepEqual(s.metadata.annotations, { 'config.linkerd.io/opaque-ports': '81' });
  });

  it('have a route by weight, and by headers first', () => {
    const plain = canaryRoute(canary, 10);
    assert.deepEqual(plain.spec, {
      parentRefs: [{ group: '', kind: 'Service', name: 'web', port: 80 }],
      rules: [{ backendRefs: [{ name: 'web', port: 80, weight: 90 }, { name: 'web-canary', port: 80, weight: 10 }] }],
    });
    const tested = canaryRoute({ ...canary, spec: { ...canary.spec, headers: [{ name: 'x-beta', value: 'yes' }] } }, 0);
    assert.deepEqual(tested.spec.rules![0], { matches: [{ headers: [{ type: 'Exact', name: 'x-beta', value: 'yes' }] }], backendRefs: [{ name: 'web-canary', port: 80, weight: 1 }] });
    assert.equal(tested.spec.rules!.length, 2);
  });

  it('have names that fit', () => {
    assert.equal(canaryName('a'.repeat(63)).length, 63);
  });
});
