import assert from 'node:assert/strict';
import type { BackendTrafficPolicy } from '../../../lib/kube/gateway-api.ts';
import { testPolicyCluster } from '../../cluster/testing/policy.ts';
import { policyChanges } from '../changes.ts';
import { ancestorsWith } from './parents.ts';
import { trafficPolicyReports } from './traffic-policies.ts';

const policy = (name: string, day: number, spec: string): string => `
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackendTrafficPolicy
metadata: {name: ${name}, namespace: shop, creationTimestamp: "2026-01-0${day}T00:00:00Z"}
spec: {targetRefs: [{group: "", kind: Service, name: web}], ${spec}}
`;
const MANIFESTS = [
  'apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {clusterIPs: [10.96.0.1], ports: [{port: 80}]}',
  policy('a-younger', 2, 'sessionPersistence: {}, retryConstraint: {}'),
  policy('b-older', 1, 'sessionPersistence: {type: Header}'),
  policy('bad', 3, 'retryConstraint: {budget: {percent: 10, interval: soon}}'),
  policy('aimless', 4, 'retryConstraint: {}').replace('name: web', 'name: nobody'),
].join('\n---\n');

describe('status of traffic policies', () => {
  it('says what counts, what an older one has, what cannot be used and what has no target', async () => {
    const { cluster, routes, close } = await testPolicyCluster(MANIFESTS);
    const { view } = policyChanges(cluster, routes);
    const said = (name: string): string[] => trafficPolicyReports(view.trafficPolicy(`shop/${name}`)!, view).flatMap(({ parentRef, conditions }) => conditions.map((one) => `${parentRef.name} ${one.status} ${one.reason} ${one.message}`.trim()));
    assert.deepEqual(said('b-older'), ['web True Accepted']);
    assert.deepEqual(said('a-younger'), ['web False Conflicted sessionPersistence of XBackendTrafficPolicy shop/b-older is older and counts for Service shop/web']);
    assert.deepEqual(said('bad'), ['web False Invalid spec.retryConstraint.budget.interval: "soon" is no duration above zero']);
    assert.deepEqual(said('aimless'), ['nobody False TargetNotFound there is no Service shop/nobody']);
    const older: BackendTrafficPolicy = view.trafficPolicy('shop/b-older')!;
    const other = { ancestorRef: { name: 'gateway' }, controllerName: 'example.com/other' };
    const entries = ancestorsWith([other], trafficPolicyReports(older, view), 1, 'T1')!;
    assert.deepEqual(entries.map(({ ancestorRef, conditions }) => [ancestorRef.name, conditions?.[0]?.observedGeneration]), [['gateway', undefined], ['web', 1]]);
    assert.equal(ancestorsWith(entries, trafficPolicyReports(older, view), 1, 'T2'), undefined);
    await close();
  });
});
