import assert from 'node:assert/strict';
import { Registry } from '@prometheus-io/client';
import { Destination } from '../../../api/gen/destination_pb.js';
import { OutboundPolicies } from '../../../api/gen/outbound_pb.js';
import { systemClock } from '../../../lib/clock.ts';
import { silentLog } from '../../../lib/log.ts';
import { streams } from '../../../control/cluster/streams.ts';
import { testPolicyCluster } from '../../../control/cluster/testing/policy.ts';
import { testConfig } from '../../../control/cluster/testing/view.ts';
import { destinationService } from '../../../control/destination/service.ts';
import { policyChanges } from '../../../control/policy/changes.ts';
import { outboundService } from '../../../control/policy/outbound/service.ts';
import { settingsMemory } from '../../../control/policy/settings/memory.ts';
import { serveGrpc } from '../../../control/serve/grpc.ts';
import { testMesh } from '../../../control/serve/testing/mesh.ts';
import { OptionError } from '../options.ts';
import { Group } from './client/watch.ts';
import { podIp, podObject, podStatus, serviceObject, sliceObject } from './objects.ts';
import { parseControlOptions } from './options.ts';
import { ascending, figureTable, quantile } from './table.ts';

const NAME = 'mesh-control.mesh-system.serviceaccount.identity.mesh-system.cluster.local';
const PATTERN = { spec: { containers: [{ name: 'app' }, { name: 'mesh-proxy' }] }, labels: { 'kubectl-mesh.io/control-plane-ns': 'mesh-system' }, annotations: {} };

describe('bench: control plane', () => {
  it('shows figures beside their targets, at most or at least', () => {
    const lines = figureTable([
      { case: 'a', what: 'memory', value: 181.4, unit: 'MB', target: 180 }, { case: 'a', what: 'rate', value: 301, unit: '/s', target: 300, atLeast: true }, { case: 'a', what: 'shown', value: 0.123, unit: 's', target: null },
    ]).split('\n').slice(2).map((line) => line.split('|').map((cell) => cell.trim()).slice(3, 6));
    assert.deepEqual(lines, [['181 MB', '≤ 180 MB', 'no'], ['301 /s', '≥ 300 /s', 'yes'], ['0.12 s', '', '']]);
    assert.deepEqual([0.5, 0.99, 1].map((share) => quantile(ascending([3, 1, 2]), share)), [2, 3, 3]);
  });

  it('takes cases and sizes, and says which one cannot be', async () => {
    assert.deepEqual((await parseControlOptions(['--cases', 'routes,streams', '--streams', '7'])).cases, ['streams', 'routes']);
    await assert.rejects(parseControlOptions(['--cases', 'nothing']), OptionError);
    await assert.rejects(parseControlOptions(['--streams', '0']), /--streams is a whole number/);
  });

  it('has proxies that say when they were told of an address and of an edit of a route, and what they know', async () => {
    const places = [0, 1, 2].map((index) => ({ name: `web-${index}`, namespace: 'sim', app: 'web', ip: podIp(index), index }));
    const typed = (kind: string, object: object, apiVersion = 'v1') => ({ apiVersion, kind, ...object }) as never;
    const slice = (count: number) => typed('EndpointSlice', sliceObject('web', 'web', 'sim', places.slice(0, count)), 'discovery.k8s.io/v1');
    const service = serviceObject('web', 'sim');
    const route = (marker: string) => typed('HTTPRoute', {
      metadata: { name: 'web', namespace: 'sim' },
      spec: { parentRefs: [{ group: '', kind: 'Service', name: 'web' }], rules: [{ filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'x', value: marker }] } }] }] },
    }, 'gateway.networking.k8s.io/v1');
    const cluster = await testPolicyCluster('');
    cluster.api.apply(
      ...places.map((place) => typed('Pod', { ...podObject(place, PATTERN), ...podStatus(place, PATTERN, '') })),
      typed('Service', { ...service, spec: { ...service['spec'] as object, clusterIPs: ['10.96.0.5'] } }), slice(2), route('zero'),
    );
    const options = { config: testConfig, clock: systemClock, streams: streams('x', new Registry()), onError: (_: string, error: unknown) => assert.fail(String(error)) };
    const destination = destinationService({ ...options, changes: cluster.cluster });
    const outbound = outboundService({ ...options, streams: streams('y', new Registry()), changes: policyChanges(cluster.cluster, cluster.routes), settings: settingsMemory() });
    const mesh = await testMesh();
    const server = await serveGrpc({
      host: '127.0.0.1', port: 0, identity: await mesh.identity(NAME), log: silentLog(), clock: systemClock, routes: (router) => void router.service(Destination, destination).service(OutboundPolicies, outbound),
    });
    const leaf = await mesh.credentials('web.sim.serviceaccount.identity.mesh-system.cluster.local');
    const asked = {
      do: 'watch', group: '', count: 3, context: ['{"ns":"sim","nodeName":"n","pod":"p"}\n'], leaves: [{ key: leaf.keyPem, chain: leaf.chain }],
      server: { ip: '127.0.0.1', port: server.port, serverName: NAME, anchors: mesh.root.certificate },
    } as const;
    const get = new Group({ ...asked, method: 'get', targets: ['web.sim.svc.cluster.local:80'] });
    const watch = new Group({ ...asked, method: 'outbound', targets: ['10.96.0.5:80'] });
    assert.deepEqual([await get.open(2), await watch.open(2)], [3, 3]);
    const second = new Group({ ...asked, method: 'get', targets: ['web.sim.svc.cluster.local:80'] }, get);
    assert.equal(await second.open(2), 3);
    second.close();
    get.mark(`+${podIp(2)}`);
    watch.mark('edit-1-');
    cluster.api.apply(slice(3), route('edit-1-'));
    assert.deepEqual([(await get.seen(`+${podIp(2)}`)).length, (await watch.seen('edit-1-')).length], [3, 3]);
    assert.equal(get.alike(places.map(({ ip }) => ip)), 3);
    get.close();
    watch.close();
    await server.stop();
    destination.close();
    outbound.close();
    await cluster.close();
  });
});
