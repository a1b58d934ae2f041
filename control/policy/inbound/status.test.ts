import assert from 'node:assert/strict';
import type { AuthorizationPolicy } from '../../../api/crds/authorization-policy.ts';
import { systemClock } from '../../../lib/clock.ts';
import { RESOURCES } from '../../../lib/kube/resources.ts';
import { silentLog } from '../../../lib/log.ts';
import { until } from '../../../lib/testing/until.ts';
import { testPolicyCluster } from '../../cluster/testing/policy.ts';
import { testConfig } from '../../cluster/testing/view.ts';
import { policyChanges } from '../changes.ts';
import { lastGood } from './last-good.ts';
import { inboundChanges } from './policies.ts';
import { keepAuthorizationStatus } from './status.ts';

const policy = (name: string, spec: AuthorizationPolicy['spec'], generation = 1): AuthorizationPolicy => ({
  apiVersion: 'kubectl-mesh.io/v1alpha1', kind: 'AuthorizationPolicy', metadata: { name, namespace: 'shop', uid: name, generation }, spec,
});

describe('status of AuthorizationPolicies', () => {
  it('says what is accepted, what cannot be followed and what has no target, and follows changes', async () => {
    const bad = policy('bad', { from: [{ cidrs: ['10.0.0.0/40'] }] });
    const cluster = await testPolicyCluster(policy('good', {}), bad, policy('aimless', { target: { kind: 'Service', name: 'web' } }));
    const changes = inboundChanges(policyChanges(cluster.cluster, cluster.routes), cluster.authorizations);
    const stopping = new AbortController();
    const told: string[] = [];
    let writes = 0;
    const running = keepAuthorizationStatus({
      client: cluster.api.client(), changes, policies: cluster.authorizations, good: lastGood(testConfig), clock: systemClock, log: silentLog(), onWrite: () => writes++,
      events: { record: (object, type, reason) => void told.push(`${type} ${reason} ${object.name}`) },
    }, stopping.signal);
    const condition = (name: string) => cluster.api.get<AuthorizationPolicy>(RESOURCES.authorizationpolicies, `shop/${name}`)?.status?.conditions?.[0];
    const is = (name: string) => `${condition(name)?.status} ${condition(name)?.reason}`;
    await until('three are judged', () => writes === 3);
    assert.deepEqual(['good', 'bad', 'aimless'].map(is), ['True Accepted', 'False Invalid', 'False TargetNotFound']);
    assert.equal(condition('bad')!.message, 'spec.from[0].cidrs[0]: "10.0.0.0/40" is no network such as 10.0.0.0/8; the policy has no effect');
    assert.deepEqual(told.sort(), ['Warning Invalid bad', 'Warning TargetNotFound aimless']);
    cluster.api.apply('apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {}');
    await until('the target is there', () => is('aimless') === 'True Accepted');
    cluster.api.apply({ ...structuredClone(cluster.api.get<AuthorizationPolicy>(RESOURCES.authorizationpolicies, 'shop/good')!), ...policy('good', { to: [{ paths: [{ value: 'x' }] }] }, 2) });
    await until('an edit broke it', () => is('good') === 'False Invalid');
    assert.match(condition('good')!.message!, /spec\.to\[0\]\.paths\[0\]\.value: a path begins with \/.*the form before this one stays in force/);
    assert.equal(condition('good')!.observedGeneration, 2);
    const broken = cluster.api.get<AuthorizationPolicy>(RESOURCES.authorizationpolicies, 'shop/good')!;
    assert.deepEqual(broken.status!.lastGood, { generation: 1, spec: '{}' });
    assert.deepEqual(lastGood(testConfig).of(broken)?.spec, {}, 'what it was holds after a restart too');
    assert.equal(lastGood(testConfig).of({ ...broken, status: { lastGood: { generation: 1, spec: '{' } } }), undefined);
    cluster.api.remove(RESOURCES.authorizationpolicies, 'shop/bad');
    stopping.abort();
    await running;
    await cluster.close();
  });
});
