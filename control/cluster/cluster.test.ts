import assert from 'node:assert/strict';
import { systemClock } from '../../lib/clock.ts';
import { RESOURCES } from '../../lib/kube/resources.ts';
import { shareCluster } from './share.ts';
import { testCluster } from './testing/view.ts';

const POD = `
apiVersion: v1
kind: Pod
metadata:
  name: web-1
  namespace: shop
  labels: {app: web, pod-template-hash: abc, kubectl-mesh.io/control-plane-ns: mesh-system}
  annotations: {kubectl-mesh.io/opaque-ports: "99", config.linkerd.io/skip-inbound-ports: "1", other: dropped}
  managedFields: [{manager: x}]
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-abc, uid: u, controller: true}]
spec:
  serviceAccountName: web
  nodeName: n1
  containers:
  - name: app
    image: app:1
    env: [{name: SECRET, value: x}]
    ports: [{name: http, containerPort: 8080}]
    readinessProbe: {httpGet: {path: /ready, port: http, scheme: HTTP}, periodSeconds: 3}
    livenessProbe: {tcpSocket: {port: 8080}}
  initContainers:
  - name: mesh-proxy
    env: [{name: MESH_PROXY_INBOUND_LISTEN_ADDR, value: "0.0.0.0:4143"}, {name: MESH_PROXY_LOG, value: info}]
status: {phase: Running, podIP: 10.1.0.1, podIPs: [{ip: 10.1.0.1}], conditions: [{type: Ready, status: "True"}]}
`;

describe('cluster watches', () => {
  it('keeps what the mesh needs of a pod and nothing else', async () => {
    const { cluster, close } = await testCluster(POD);
    const { metadata, spec, status } = cluster.view.pod('shop/web-1')!;
    assert.deepEqual({ spec, status }, {
      spec: {
        containers: [{ name: 'app', ports: [{ name: 'http', containerPort: 8080 }], readinessProbe: { httpGet: { path: '/ready', port: 'http' } } }],
        initContainers: [{ name: 'mesh-proxy', env: [{ name: 'MESH_PROXY_INBOUND_LISTEN_ADDR', value: '0.0.0.0:4143' }] }],
        serviceAccountName: 'web',
        nodeName: 'n1',
      },
      status: { podIPs: [{ ip: '10.1.0.1' }], phase: 'Running' },
    });
    assert.deepEqual(Object.keys(metadata.annotations!), ['kubectl-mesh.io/opaque-ports', 'config.linkerd.io/skip-inbound-ports']);
    assert.equal(metadata.managedFields, undefined);
    assert.equal(cluster.problem(), null);
    await close();
  });

  it('tells what changed by token, and nothing for what nobody reads', async () => {
    const { api, cluster, close } = await testCluster(POD);
    const tokens: string[] = [];
    let heard: () => void = () => undefined;
    cluster.onChange((token) => {
      tokens.push(token);
      heard();
    });
    const change = async (work: () => void) => {
      tokens.length = 0;
      const news = new Promise<void>((resolve) => { heard = resolve; });
      work();
      await news;
      return [...tokens];
    };
    const unrelated = { apiVersion: 'v1', kind: 'Pod', ...structuredClone(api.get(RESOURCES.pods, 'shop/web-1')!) };
    unrelated.status = { ...unrelated.status, conditions: [] };
    const moved = structuredClone(unrelated);
    moved.status = { phase: 'Running', podIPs: [{ ip: '10.1.0.2' }] };
    assert.deepEqual(await change(() => api.apply(unrelated, moved)), ['pod shop/web-1', 'ip 10.1.0.2', 'ip 10.1.0.1']);
    assert.deepEqual(cluster.view.podsByIp('10.1.0.1'), []);
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'shop' }, spec: { clusterIP: '10.96.0.5', ports: [{ port: 80 }] } };
    assert.deepEqual(await change(() => api.apply(service)), ['service shop/web', 'ip 10.96.0.5']);
    const slice = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 'web-x', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'web' } } };
    assert.deepEqual(await change(() => api.apply(slice)), ['slices shop/web']);
    assert.deepEqual(await change(() => api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } })), ['namespace shop']);
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1', labels: { 'topology.kubernetes.io/zone': 'z1' } } };
    assert.deepEqual(await change(() => api.apply(node)), ['node n1']);
    assert.equal(cluster.view.zone('n1'), 'z1');
    assert.deepEqual(await change(() => api.remove(RESOURCES.pods, 'shop/web-1')), ['pod shop/web-1', 'ip 10.1.0.2']);
    await close();
  });

  it('is shared by the services of one process and ends with the last of them', async () => {
    const { api, close } = await testCluster();
    const client = api.client();
    const log = { debug: () => undefined, warn: () => undefined, error: () => undefined };
    const before = api.watches();
    const one = shareCluster({ client, log, clock: systemClock });
    const two = shareCluster({ client, log, clock: systemClock });
    assert.equal(one.cluster, two.cluster);
    assert.match(one.cluster.problem()!, /^services not listed yet; endpointslices not listed yet/);
    await one.cluster.synced;
    await one.release();
    await one.release();
    assert.equal(two.cluster.problem(), null);
    await two.release();
    assert.ok(api.watches() <= before + 5);
    const three = shareCluster({ client, log, clock: systemClock });
    assert.notEqual(three.cluster, one.cluster);
    await three.release();
    await close();
  });
});
