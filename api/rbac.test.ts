import assert from 'node:assert/strict';
import { RBAC, RBAC_OWN_NAMESPACE, RBAC_SERVICES, rulesOf } from './rbac.ts';

const CANARY_WRITES = ['canaries/status', 'canaries/finalizers', 'deployments', 'services', 'httproutes'];

describe('rbac', () => {
  it('grants no wildcard and no write on what is not named', () => {
    for (const table of [RBAC, RBAC_OWN_NAMESPACE]) {
      for (const [service, rule] of RBAC_SERVICES.flatMap((one) => table[one].map((r) => [one, r] as const))) {
        for (const part of [...rule.apiGroups, ...rule.resources, ...rule.verbs]) assert.notEqual(part, '*');
        const writes = rule.verbs.some((verb) => ['update', 'patch', 'delete'].includes(verb));
        // that of canaries is about other people's Deployments: it runs by itself, and only where it is wanted
        if (service === 'canary' && rule.resources.every((r) => CANARY_WRITES.includes(r))) continue;
        // events have no names to foresee, any namespace may ask for injection, and any route or policy may be one of the mesh
        if (writes && !['events', 'namespaces', 'httproutes/status', 'authorizationpolicies/status', 'xbackendtrafficpolicies/status'].includes(rule.resources[0]!)) assert.ok(rule.resourceNames?.length, JSON.stringify(rule));
      }
    }
  });

  it('lets nobody but identity read the issuer and the root, and nobody else but what serves the API server read a secret', () => {
    const reads: Record<string, string[]> = {};
    for (const service of RBAC_SERVICES) {
      assert.ok(!RBAC[service].some((rule) => rule.resources.includes('secrets')), service);
      reads[service] = RBAC_OWN_NAMESPACE[service].filter((rule) => rule.resources.includes('secrets') && rule.verbs.includes('get')).flatMap((rule) => rule.resourceNames ?? ['any']);
    }
    const serving = ['mesh-serving-tls'];
    assert.deepEqual(reads, { identity: ['mesh-identity-issuer', 'mesh-identity-root'], destination: [], policy: [], anchors: [], injector: serving, metrics: serving, tap: serving, canary: [] });
  });

  it('joins the rules of several services without repeats', () => {
    const rules = rulesOf(['destination', 'policy']);
    assert.deepEqual(rules.slice(0, 2), [
      { apiGroups: [''], resources: ['services', 'pods', 'nodes', 'namespaces'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['get', 'list', 'watch'] },
    ]);
    assert.equal(RBAC.policy[0]!.resources.length, 4);
  });
});
