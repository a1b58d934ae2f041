import assert from 'node:assert/strict';
import { ROUTE_CONTROLLER } from '../../../api/names.ts';
import { systemClock } from '../../../lib/clock.ts';
import type { HttpRoute, RouteParentStatus } from '../../../lib/kube/gateway-api.ts';
import { GATEWAY_GROUP, RESOURCES } from '../../../lib/kube/resources.ts';
import { createLog } from '../../../lib/log.ts';
import { until } from '../../../lib/testing/until.ts';
import { testPolicyCluster } from '../../cluster/testing/policy.ts';
import { testConfig } from '../../cluster/testing/view.ts';
import { policyChanges } from '../changes.ts';
import { settingsMemory } from '../settings/memory.ts';
import { keepStatus } from './controller.ts';
import { parentsWith } from './parents.ts';

const MANIFESTS = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop, annotations: {kubectl-mesh.io/timeout-idle: never}}
spec: {clusterIPs: [10.96.0.1], ports: [{port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop, generation: 3, creationTimestamp: "2026-01-01T00:00:00Z"}
spec:
  parentRefs: [{name: gateway}, {group: "", kind: Service, name: web}]
  rules: [{backendRefs: [{name: web, port: 80}]}]
status:
  parents: [{parentRef: {name: gateway}, controllerName: example.com/other, conditions: [{type: Accepted, status: "True"}]}]
`;
const KEY = 'shop/web';

describe('status controller', () => {
  it('writes what changed beside the entries of others, once, and tells of refusals', async () => {
    const { api, cluster, routes, close } = await testPolicyCluster(MANIFESTS);
    const told: string[] = [];
    let writes = 0;
    const stop = new AbortController();
    const running = keepStatus({
      client: api.client(), changes: policyChanges(cluster, routes), cluster, routes, settings: settingsMemory(), config: testConfig,
      events: { record: (object, type, reason, message) => void told.push(`${type} ${reason} ${object.kind} ${object.name}: ${message}`) },
      clock: systemClock, log: createLog('test', 'error', { write: (line) => assert.fail(line) }), onWrite: () => void writes++,
    }, stop.signal);
    const route = () => api.get(RESOURCES.httproutes, KEY)!;
    const ours = () => (route().status?.parents ?? []).find((entry) => entry.controllerName === ROUTE_CONTROLLER);
    const reasons = () => ours()?.conditions?.map(({ type, reason, observedGeneration }) => `${type} ${reason} ${observedGeneration}`).join();
    await until('the first status', () => reasons() === 'Accepted Accepted 3,ResolvedRefs ResolvedRefs 3');
    assert.deepEqual(route().status!.parents![0], { parentRef: { name: 'gateway' }, controllerName: 'example.com/other', conditions: [{ type: 'Accepted', status: 'True' }] });
    await until('the service\'s event', () => told.length === 1);
    assert.match(told[0]!, /^Warning TrafficSettingProblem Service web: kubectl-mesh\.io\/timeout-idle is "never" and has to be a duration/);

    const { resourceVersion: _, ...metadata } = route().metadata;
    api.apply({ apiVersion: `${GATEWAY_GROUP}/v1`, kind: 'HTTPRoute', ...route(), metadata: { ...metadata, generation: 4 }, spec: { ...route().spec, rules: [{ backendRefs: [{ name: 'gone', port: 80 }] }] } } as HttpRoute);
    await until('the new generation', () => reasons() === 'Accepted Accepted 4,ResolvedRefs BackendNotFound 4');
    await until('the route\'s event', () => told.length === 2);
    assert.equal(told[1], 'Warning RouteProblem HTTPRoute web: ResolvedRefs False, BackendNotFound: rules[0].backendRefs[0]: there is no Service shop/gone');

    api.apply({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'gone', namespace: 'shop' }, spec: { clusterIPs: ['10.96.0.2'], ports: [{ port: 80 }] } } as never);
    await until('the reference resolved', () => reasons() === 'Accepted Accepted 4,ResolvedRefs ResolvedRefs 4');
    assert.equal(writes, 3);
    const version = route().metadata.resourceVersion;
    api.apply({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'unrelated', namespace: 'shop' }, spec: { clusterIPs: ['10.96.0.3'], ports: [{ port: 80 }] } } as never);
    await new Promise((resolve) => { setTimeout(resolve, 50); });
    assert.deepEqual([route().metadata.resourceVersion, writes, told.length], [version, 3, 2]);
    const fault = { apiVersion: 'kubectl-mesh.io/v1alpha1', kind: 'HTTPFault', metadata: { name: 'late', namespace: 'shop', generation: 1 }, spec: { delay: { min: '2s', max: '1s' } } };
    api.apply(fault);
    await until('the fault\'s status', () => api.get(RESOURCES.httpfaults, 'shop/late')?.status?.conditions?.[0]?.status === 'False');
    assert.equal(told.at(-1), 'Warning FaultProblem HTTPFault late: spec.delay: 2s is longer than 1s; there is no delay');
    api.apply({ ...fault, metadata: { ...fault.metadata, generation: 2 }, spec: { delay: { fixed: '1s' } } } as never);
    await until('the fault accepted', () => api.get(RESOURCES.httpfaults, 'shop/late')?.status?.conditions?.[0]?.status === 'True');
    api.remove(RESOURCES.httproutes, KEY);
    await until('the route gone', () => routes.all().length === 0);
    stop.abort();
    await running;
    await close();
  });
});

describe('status.parents', () => {
  const parentRef = { group: '', kind: 'Service', name: 'web' };
  const report = (status: 'True' | 'False') => [{ parentRef, conditions: [{ type: 'Accepted', status, reason: 'Accepted', message: '' }] }];

  it('keeps times of what stays, renews those of what turns, drops what is no parent any more, and is silent without a change', () => {
    const first = parentsWith([], report('True'), 1, 'T1')!;
    const entry = first[0]!;
    assert.deepEqual(entry, { parentRef, controllerName: ROUTE_CONTROLLER, conditions: [{ type: 'Accepted', status: 'True', reason: 'Accepted', message: '', observedGeneration: 1, lastTransitionTime: 'T1' }] });
    assert.equal(parentsWith(first, report('True'), 1, 'T2'), undefined);
    assert.deepEqual(parentsWith(first, report('True'), 2, 'T2')![0]!.conditions![0]!, { ...entry.conditions[0], observedGeneration: 2 });
    assert.equal(parentsWith(first, report('False'), 2, 'T2')![0]!.conditions![0]!.lastTransitionTime, 'T2');
    const other: RouteParentStatus = { parentRef, controllerName: 'example.com/other' };
    assert.deepEqual(parentsWith([entry, other], [], 2, 'T2'), [other]);
    const reordered = [{ controllerName: ROUTE_CONTROLLER, conditions: entry.conditions, parentRef: { name: 'web', kind: 'Service', group: '' } }];
    assert.equal(parentsWith(reordered, report('True'), 1, 'T2'), undefined);
  });
});
