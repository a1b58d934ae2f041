import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assertGolden } from '../../cluster/testing/golden.ts';
import { testPolicyCluster } from '../../cluster/testing/policy.ts';
import { testConfig } from '../../cluster/testing/view.ts';
import { policyChanges } from '../changes.ts';
import { settingsMemory } from '../settings/memory.ts';
import { routeReports } from './conditions.ts';
import { serviceProblems } from './services.ts';

const data = join(import.meta.dirname, 'testdata');

describe('status of routes', () => {
  it('says of every parent whether it is accepted, what is left out and what leads nowhere', async () => {
    const { cluster, routes, close } = await testPolicyCluster(readFileSync(join(data, 'routes.input.yaml'), 'utf8'));
    const sources = { view: policyChanges(cluster, routes).view, config: testConfig, settings: settingsMemory() };
    const reports = routes.all().map((route) => [
      `${route.kind} ${route.object.metadata.namespace}/${route.object.metadata.name}`,
      routeReports(route, sources).map(({ parentRef, conditions }) => [parentRef.name, ...conditions.map(({ type, status, reason, message }) => `${type} ${status} ${reason}: ${message}`)]),
    ]);
    const services = [...cluster.services()].map((service) => [`Service ${service.metadata.name}`, serviceProblems(service, sources)] as const).filter(([, problems]) => problems.length > 0);
    await close();
    assertGolden(data, 'routes', Object.fromEntries([...reports, ...services]));
  });

  it('keeps the last good value of an annotation that turns bad', () => {
    const settings = settingsMemory();
    const reference = { kind: 'resource', group: 'core', type: 'Service', name: 'a', namespace: 'n' } as const;
    const read = (value?: string) => settings.of({ metadata: { name: 'a', namespace: 'n', ...(value !== undefined && { annotations: { 'kubectl-mesh.io/timeout-request': value } }) } }, reference);
    assert.deepEqual(read('soon').timeouts, {});
    assert.match(read('soon').problems[0]!.message, /is "soon" and has to be a duration such as .*; it is left out$/);
    assert.deepEqual(read('5s').timeouts, { requestMs: 5000 });
    assert.deepEqual([read('later').timeouts, settings.size], [{ requestMs: 5000 }, 1]);
    assert.match(read('later').problems[0]!.message, /"5s" stays in force$/);
    assert.deepEqual([read().timeouts, read().problems, settings.size], [{}, [], 0]);
    assert.deepEqual(read('later').timeouts, {});
  });
});
