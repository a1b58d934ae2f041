import assert from 'node:assert/strict';
import { ManualClock } from '../../lib/clock.ts';
import { GATEWAY_GROUP } from '../../lib/kube/resources.ts';
import { until } from '../../lib/testing/until.ts';
import { watchRoutes } from './routes.ts';
import { testCluster } from './testing/view.ts';

const ROUTE = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec: {parentRefs: [{name: gateway}, {group: "", kind: Service, name: web}]}
`;

describe('watches of the Gateway API', () => {
  it('finds the kinds when they come, and lets go of them when they leave', async () => {
    const clock = new ManualClock();
    const { api, cluster, close } = await testCluster();
    api.serve(GATEWAY_GROUP, false);
    const routes = watchRoutes({ client: api.client(), log: { debug: () => undefined, warn: () => undefined, error: () => undefined }, clock });
    await routes.synced;
    assert.deepEqual([routes.problem(), routes.all(), routes.resource('HTTPRoute')], [null, [], undefined]);
    const asked = () => api.requests.filter((request) => request.includes(`/apis/${GATEWAY_GROUP}`)).length;
    const before = asked();
    clock.advance(9000);
    await new Promise((resolve) => { setTimeout(resolve, 20); });
    assert.equal(asked(), before, 'it does not ask all the time');
    const tokens: string[] = [];
    routes.onChange((token) => void tokens.push(token));
    api.serve(GATEWAY_GROUP, true);
    api.apply(ROUTE);
    clock.advance(2000);
    await until('the route', () => routes.all().length === 1);
    assert.equal(routes.resource('HTTPRoute')?.version, 'v1');
    assert.deepEqual(tokens, ['HTTPRoute shop/web', 'routes shop/web']);
    api.serve(GATEWAY_GROUP, false);
    const looks = async (times: number) => {
      for (let i = 0; i < times; i++) {
        const seen = asked();
        await new Promise((resolve) => { setTimeout(resolve, 30); });
        clock.advance(11_000);
        await until('a look', () => asked() > seen);
      }
      await new Promise((resolve) => { setTimeout(resolve, 30); });
    };
    await looks(2);
    assert.equal(routes.all().length, 1, 'a server that begins may not know its kinds yet');
    await looks(1);
    await until('the route gone', () => routes.all().length === 0);
    assert.deepEqual(tokens.slice(2), ['HTTPRoute shop/web', 'routes shop/web']);
    assert.equal(cluster.problem(), null);
    await routes.stop();
    await close();
  });
});
