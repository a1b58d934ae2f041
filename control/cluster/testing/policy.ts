import { systemClock } from '../../../lib/clock.ts';
import type { KubeObject } from '../../../lib/kube/types.ts';
import { watchAuthorizationPolicies } from '../../policy/inbound/policies.ts';
import type { AuthorizationPolicies } from '../../policy/inbound/policies.ts';
import { watchRoutes } from '../routes.ts';
import type { Routes } from '../routes.ts';
import { testCluster } from './view.ts';
import type { TestCluster } from './view.ts';

export interface TestPolicyCluster extends TestCluster { routes: Routes; authorizations: AuthorizationPolicies }

/** The cluster's watches and those of the Gateway API over one fake API server; resolves when all have synced. */
export async function testPolicyCluster(...manifests: (string | KubeObject)[]): Promise<TestPolicyCluster> {
  const cluster = await testCluster(...manifests);
  const note = (fields: object, message: string) => void cluster.logged.push(`${message} ${JSON.stringify(fields)}`);
  const routes = watchRoutes({ client: cluster.api.client(), log: { debug: () => undefined, warn: note, error: note }, clock: systemClock });
  const authorizations = watchAuthorizationPolicies({ client: cluster.api.client(), log: { debug: () => undefined, warn: note, error: note }, clock: systemClock });
  await Promise.all([routes.synced, authorizations.synced]);
  return {
    ...cluster, routes, authorizations,
    async close() {
      await authorizations.stop();
      await routes.stop();
      await cluster.close();
    },
  };
}
