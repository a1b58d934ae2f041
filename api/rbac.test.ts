import assert from 'node:assert/strict';
import { RBAC, RBAC_OWN_NAMESPACE, RBAC_SERVICES, rulesOf } from './rbac.ts';

describe('rbac', () => {
  it('grants no wildcard and no write on what is not named', () => {
    for (const table of [RBAC, RBAC_OWN_NAMESPACE]) {
      for (const rule of RBAC_SERVICES.flatMap((service) => table[service])) {
        for (const part of [...rule.apiGroups, ...rule.resources, ...rule.verbs]) assert.notEqual(part, '*');
        const writes = rule.verbs.some((verb) => ['update', 'patch', 'delete'].includes(verb));
        if (writes && !rule.resources.includes('events')) assert.ok(rule.resourceNames?.length, JSON.stringify(rule));
      }
    }
  });

  it('lets nobody but identity and the injector touch secrets', () => {
    for (const service of RBAC_SERVICES) {
      assert.ok(!RBAC[service].some((rule) => rule.resources.includes('secrets')), service);
      const own = RBAC_OWN_NAMESPACE[service].some((rule) => rule.resources.includes('secrets'));
      assert.equal(own, service === 'identity' || service === 'injector', service);
    }
  });

  it('joins the rules of several services without repeats', () => {
    const rules = rulesOf(['destination', 'policy']);
    assert.deepEqual(rules, [
      { apiGroups: [''], resources: ['services', 'pods', 'nodes', 'namespaces'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['get', 'list', 'watch'] },
    ]);
    assert.equal(RBAC.policy[0]!.resources.length, 4);
  });
});
