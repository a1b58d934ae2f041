import assert from 'node:assert/strict';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { Registry } from '@prometheus-io/client';
import { Destination } from '../../api/gen/destination_pb.js';
import type { Update } from '../../api/gen/destination_pb.js';
import { systemClock } from '../../lib/clock.ts';
import { RESOURCES } from '../../lib/kube/resources.ts';
import type { EndpointSlice, KubeObject } from '../../lib/kube/types.ts';
import { ipText } from '../cluster/ip.ts';
import { streams } from '../cluster/streams.ts';
import { reader, testGrpc } from '../cluster/testing/grpc.ts';
import type { TestServer } from '../cluster/testing/grpc.ts';
import { testCluster, testConfig } from '../cluster/testing/view.ts';
import type { TestCluster } from '../cluster/testing/view.ts';
import { destinationService } from './service.ts';

const service = (annotations: Record<string, string> = {}): KubeObject => ({
  apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'shop', annotations }, spec: { clusterIPs: ['10.96.0.5'], ports: [{ port: 80 }] },
} as KubeObject);
const pod = (n: number, meshed = true): KubeObject => ({
  apiVersion: 'v1', kind: 'Pod',
  metadata: { name: `web-${n}`, namespace: 'shop', ...(meshed && { labels: { 'kubectl-mesh.io/control-plane-ns': 'mesh-system' } }) },
  spec: { containers: [{ name: 'app' }, ...(meshed ? [{ name: 'mesh-proxy' }] : [])] },
  status: { phase: 'Running', podIPs: [{ ip: `10.1.0.${n}` }] },
} as KubeObject);
const slice = (name: string, ...pods: number[]): EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4',
  metadata: { name, namespace: 'shop', labels: { 'kubernetes.io/service-name': 'web' } },
  ports: [{ port: 8080 }],
  endpoints: pods.map((n) => ({ addresses: [`10.1.0.${n}`], targetRef: { kind: 'Pod', name: `web-${n}`, namespace: 'shop' } })),
});
const PATH = 'web.shop.svc.cluster.local:80';

/** `+2,3` for an add of 10.1.0.2 and 10.1.0.3, `-2`, `none(exists)`; an exclamation mark for endpoints without an identity. */
function brief({ update }: Update): string {
  const last = (ip: string | undefined) => ip!.split('.').at(-1)!;
  if (update.case === 'add') return `+${update.value.addrs.map((a) => last(ipText(a.addr!.ip)) + (a.tlsIdentity ? '' : '!')).sort().join(',')}`;
  if (update.case === 'remove') return `-${update.value.addrs.map((a) => last(ipText(a.ip))).sort().join(',')}`;
  return `none(${update.case === 'noEndpoints' ? update.value.exists : '?'})`;
}

describe('destination streams', () => {
  let test: TestCluster;
  let server: TestServer;
  let under: ReturnType<typeof destinationService>;
  let registry: Registry;
  const open: AbortController[] = [];

  async function start(...manifests: KubeObject[]) {
    test = await testCluster(...manifests);
    registry = new Registry();
    under = destinationService({ changes: test.cluster, config: testConfig, clock: systemClock, streams: streams('destination', registry), onError: (_, error) => assert.fail(String(error)) });
    server = await testGrpc((router) => void router.service(Destination, under));
    return createClient(Destination, server.transport);
  }
  const signal = () => {
    const controller = new AbortController();
    open.push(controller);
    return controller.signal;
  };
  afterEach(async () => {
    for (const controller of open.splice(0)) controller.abort();
    await server.close();
    under.close();
    await test.close();
    assert.deepEqual(test.logged, []);
  });

  it('tells changes as deltas, additions before removals, and never an empty set in between', async () => {
    const client = await start(service(), pod(1), pod(2), pod(3), slice('a', 1, 2));
    const got = reader(client.get({ path: PATH }, { signal: signal() }));
    assert.equal(brief(await got.next()), '+1,2');
    test.api.apply(slice('a', 2, 3));
    assert.equal(brief(await got.next()), '+3');
    assert.equal(brief(await got.next()), '-1');
    test.api.apply(slice('b', 2));
    test.api.apply(slice('a', 3));
    assert.ok(await got.silence(50), 'an endpoint that moves to another slice is no news');
    test.api.remove(RESOURCES.endpointslices, 'shop/b');
    assert.equal(brief(await got.next()), '-2');
    test.api.remove(RESOURCES.endpointslices, 'shop/a');
    assert.equal(brief(await got.next()), 'none(true)');
    test.api.remove(RESOURCES.services, 'shop/web');
    assert.equal(brief(await got.next()), 'none(false)');
    test.api.apply(service(), slice('a', 3));
    assert.match(brief(await got.next()), /^(none\(true\)|\+3)$/);
  });

  it('waits for the pod of an endpoint, and announces it anew when it becomes meshed', async () => {
    const client = await start(service(), slice('a', 1));
    const got = reader(client.get({ path: PATH }, { signal: signal() }));
    assert.equal(brief(await got.next()), 'none(true)');
    test.api.apply(pod(1, false));
    assert.equal(brief(await got.next()), '+1!');
    test.api.apply(pod(1));
    assert.equal(brief(await got.next()), '+1');
  });

  it('gives each client the endpoints of its zone', async () => {
    const node = (name: string, zone: string): KubeObject => ({ apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { 'topology.kubernetes.io/zone': zone } } });
    const hinted = slice('a', 1, 2);
    for (const [i, endpoint] of hinted.endpoints!.entries()) endpoint.hints = { forZones: [{ name: `z${i + 1}` }] };
    const client = await start(service(), pod(1), pod(2), hinted, node('n1', 'z1'), node('n2', 'z2'));
    const from = (name: string) => reader(client.get({ path: PATH, contextToken: `{"nodeName":"${name}"}` }, { signal: signal() }));
    const [one, two] = [from('n1'), from('n2')];
    assert.equal(brief(await one.next()), '+1');
    assert.equal(brief(await two.next()), '+2');
    test.api.apply(slice('a', 1, 2));
    assert.equal(brief(await one.next()), '+1,2');
    assert.equal(brief(await two.next()), '+1,2');
  });

  it('keeps one profile stream open through changes and the end of the service', async () => {
    const client = await start(service());
    const got = reader(client.getProfile({ path: '10.96.0.5:80' }, { signal: signal() }));
    assert.equal((await got.next()).opaqueProtocol, false);
    test.api.apply(service({ 'config.linkerd.io/opaque-ports': '80' }));
    assert.equal((await got.next()).opaqueProtocol, true);
    test.api.apply(service({ 'config.linkerd.io/opaque-ports': '80', other: 'x' }));
    test.api.remove(RESOURCES.services, 'shop/web');
    assert.ok(await got.silence(50));
    test.api.apply({ ...service(), metadata: { name: 'heir', namespace: 'shop' } });
    assert.equal((await got.next()).fullyQualifiedName, 'heir.shop.svc.cluster.local');
  });

  it('refuses what is no destination with INVALID_ARGUMENT, at once', async () => {
    const client = await start(service());
    const codes = await Promise.all(['192.0.2.9:80', 'example.com:443', 'nonsense'].flatMap((path) => [
      reader(client.getProfile({ path }, { signal: signal() })).end(),
      reader(client.get({ path }, { signal: signal() })).end(),
    ]));
    assert.deepEqual(codes.map((error) => ConnectError.from(error).code), Array.from({ length: 6 }, () => Code.InvalidArgument));
  });

  it('follows who gets an address that nobody had, and does not go back to plain text when the pod goes', async () => {
    const client = await start();
    const got = reader(client.getProfile({ path: '10.1.0.1:3306' }, { signal: signal() }));
    const before = await got.next();
    assert.deepEqual([ipText(before.endpoint!.addr!.ip), before.endpoint!.addr!.port, before.endpoint!.tlsIdentity, before.opaqueProtocol], ['10.1.0.1', 3306, undefined, true]);
    test.api.apply(pod(1));
    assert.equal((await got.next()).endpoint!.tlsIdentity!.serverName!.name, 'default.shop.serviceaccount.identity.mesh-system.cluster.local');
    test.api.remove(RESOURCES.pods, 'shop/web-1');
    assert.ok(await got.silence(50));
    test.api.apply(pod(1, false), { ...service(), spec: { clusterIPs: ['10.1.0.1'], ports: [{ port: 3306 }] } } as KubeObject);
    assert.equal((await got.next()).fullyQualifiedName, 'web.shop.svc.cluster.local');
    const unmeshed = reader(client.getProfile({ path: '10.1.0.9:80' }, { signal: signal() }));
    assert.equal((await unmeshed.next()).opaqueProtocol, false);
  });

  it('goes on by name when a service comes again with another address, and by address when another service gets it', async () => {
    const client = await start(service(), pod(1), pod(2), slice('a', 1));
    const [byName, byAddress] = [reader(client.get({ path: PATH }, { signal: signal() })), reader(client.get({ path: '10.96.0.5:80' }, { signal: signal() }))];
    assert.deepEqual([brief(await byName.next()), brief(await byAddress.next())], ['+1', '+1']);
    test.api.remove(RESOURCES.services, 'shop/web');
    assert.deepEqual([brief(await byName.next()), brief(await byAddress.next())], ['none(false)', 'none(false)']);
    test.api.apply({ ...service(), spec: { clusterIPs: ['10.96.0.6'], ports: [{ port: 80 }] } } as KubeObject);
    assert.equal(brief(await byName.next()), '+1');
    assert.ok(await byAddress.silence(50));
    const heirs = slice('heir', 2);
    heirs.metadata.labels = { 'kubernetes.io/service-name': 'heir' };
    test.api.apply({ ...service(), metadata: { name: 'heir', namespace: 'shop' } }, heirs);
    let heard = brief(await byAddress.next());
    while (heard === 'none(true)') heard = brief(await byAddress.next());
    assert.equal(heard, '+2');
  });

  it('moves to the pods of another selector, and to a changed port, without an empty set', async () => {
    const client = await start(service(), pod(1), pod(2), slice('a', 1));
    const got = reader(client.get({ path: PATH }, { signal: signal() }));
    assert.equal(brief(await got.next()), '+1');
    test.api.apply(slice('a', 2));
    assert.deepEqual([brief(await got.next()), brief(await got.next())], ['+2', '-1']);
    test.api.apply({ ...slice('a', 2), ports: [{ port: 9090 }] } as EndpointSlice);
    assert.deepEqual([brief(await got.next()), brief(await got.next())], ['+2', '-2']);
    test.api.apply({ ...service(), spec: { type: 'ExternalName', externalName: 'example.com' } } as KubeObject);
    assert.equal(brief(await got.next()), 'none(false)');
  });

  it('turns to what its node has left of a service that is local to nodes', async () => {
    const local = { ...service(), spec: { clusterIPs: ['10.96.0.5'], internalTrafficPolicy: 'Local', ports: [{ port: 80 }] } } as KubeObject;
    const on = (node: string, ...endpoints: [n: number, state: 'ready' | 'ending' | 'down'][]): EndpointSlice => ({
      ...slice(node),
      endpoints: endpoints.map(([n, state]) => ({ addresses: [`10.1.0.${n}`], nodeName: node, conditions: { ready: state === 'ready', serving: state !== 'down', terminating: state === 'ending' } })),
    });
    const client = await start(local, on('n1', [1, 'ready'], [2, 'ending']), on('n2', [3, 'ready']));
    const got = reader(client.get({ path: PATH, contextToken: '{"nodeName":"n1"}' }, { signal: signal() }));
    assert.equal(brief(await got.next()), '+1!');
    test.api.apply(on('n1', [1, 'ending']));
    assert.ok(await got.silence(50), 'the only one ends, and goes on');
    test.api.apply(on('n1', [1, 'down'], [4, 'ending']));
    assert.deepEqual([brief(await got.next()), brief(await got.next())], ['+4!', '-1']);
    test.api.apply(on('n1'));
    assert.equal(brief(await got.next()), 'none(true)');
    test.api.apply(on('n1', [5, 'ready']));
    assert.equal(brief(await got.next()), '+5!');
  });

  it('ends streams with the reason of a server that stops, and counts them', async () => {
    const client = await start(service(), pod(1), slice('a', 1));
    const got = reader(client.get({ path: PATH }, { signal: signal() }));
    await got.next();
    assert.match(await registry.metrics(), /mesh_destination_streams\{method="Get"\} 1\n[^]*mesh_destination_messages_total\{method="Get"\} 1\n/);
    server.shutdown(new ConnectError('restarting', Code.Unavailable));
    assert.equal(ConnectError.from(await got.end()).code, Code.Unavailable);
    assert.match(await registry.metrics(), /mesh_destination_streams\{method="Get"\} 0\n/);
  });

  it('shares one computation among many streams and frees it', async () => {
    const client = await start(service(), pod(1), slice('a', 1));
    const stop = new AbortController();
    const many = Array.from({ length: 50 }, () => reader(client.get({ path: PATH }, { signal: stop.signal })));
    for (const one of many) assert.equal(brief(await one.next()), '+1');
    test.api.apply(pod(2), slice('a', 1, 2));
    for (const one of many) assert.equal(brief(await one.next()), '+2');
    stop.abort();
    await Promise.all(many.map((one) => one.end()));
    for (let i = 0; i < 200 && !/streams\{method="Get"\} 0\n/.test(await registry.metrics()); i++) await new Promise((resolve) => { setTimeout(resolve, 5); });
    assert.match(await registry.metrics(), /streams\{method="Get"\} 0\n/);
  });
});
