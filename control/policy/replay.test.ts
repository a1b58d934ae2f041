import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { Registry } from '@prometheus-io/client';
import { Destination } from '../../api/gen/destination_pb.js';
import { Identity } from '../../api/gen/identity_pb.js';
import { InboundServerPolicies } from '../../api/gen/inbound_pb.js';
import { OutboundPolicies } from '../../api/gen/outbound_pb.js';
import { systemClock } from '../../lib/clock.ts';
import { silentLog } from '../../lib/log.ts';
import { createCsr } from '../../lib/pki/csr.ts';
import { generateKeys } from '../../lib/pki/keys.ts';
import { streams } from '../cluster/streams.ts';
import { testGrpc } from '../cluster/testing/grpc.ts';
import type { TestServer } from '../cluster/testing/grpc.ts';
import { testPolicyCluster } from '../cluster/testing/policy.ts';
import type { TestPolicyCluster } from '../cluster/testing/policy.ts';
import { testConfig } from '../cluster/testing/view.ts';
import { destinationService } from '../destination/service.ts';
import { certifier } from '../identity/certify.ts';
import { testMesh } from '../serve/testing/mesh.ts';
import { lastGood } from './inbound/last-good.ts';
import { inboundChanges } from './inbound/policies.ts';
import { inboundService } from './inbound/service.ts';
import { policyChanges } from './changes.ts';
import { outboundService } from './outbound/service.ts';
import { settingsMemory } from './settings/memory.ts';

/**
 * The calls of a stock linkerd2-proxy in its order, by a gRPC implementation and a protobuf decoder that share nothing with the server's, and
 * on what comes back the rules under which that proxy takes it (what it refuses is in its server-policy and client-policy crates).
 */
const PROTO = join(import.meta.dirname, '..', '..', 'api', 'proto');
const MANIFESTS = `
apiVersion: v1
kind: Service
metadata: {name: echo, namespace: shop}
spec: {clusterIPs: [10.96.0.10], ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: echo-1, namespace: shop, labels: {kubernetes.io/service-name: echo}}
addressType: IPv4
ports: [{port: 8080}]
endpoints: [{addresses: [10.1.0.1], targetRef: {kind: Pod, name: echo-1, namespace: shop}}]
---
apiVersion: v1
kind: Pod
metadata: {name: echo-1, namespace: shop, labels: {kubectl-mesh.io/control-plane-ns: mesh-system}}
spec:
  containers: [{name: app, ports: [{containerPort: 8080}], readinessProbe: {httpGet: {path: /ok, port: 8080}}}]
  initContainers: [{name: linkerd-proxy, readinessProbe: {httpGet: {path: /ready, port: 4191}}}]
status: {phase: Running, podIPs: [{ip: 10.1.0.1}]}
`;
const WORKLOAD = '{"ns":"shop","pod":"echo-1"}\n';
const CONTEXT = '{"ns":"shop","nodeName":"n1","pod":"echo-1"}\n';
const ADDRESS = { ip: { ipv4: 0x0a60000a }, port: 80 };

// Decoded messages are plain objects of whatever the wire held.
// oxlint-disable-next-line typescript/no-explicit-any
type Decoded = any;
type Call = { messages: Decoded[]; next: () => Promise<Decoded>; cancel: () => void; ended: Promise<number> };

describe('the calls of a stock proxy', () => {
  let cluster: TestPolicyCluster;
  let server: TestServer;
  let closing: (() => void)[];
  let connect: (service: string) => Decoded;
  const clients: grpc.Client[] = [];

  before(async () => {
    const loaded = grpc.loadPackageDefinition(loadSync(['destination.proto', 'inbound.proto', 'outbound.proto'], {
      includeDirs: [PROTO], keepCase: true, longs: String, enums: String, defaults: true, oneofs: true,
    })) as Decoded;
    cluster = await testPolicyCluster(MANIFESTS);
    const registry = new Registry();
    const options = (name: string) => ({ changes: cluster.cluster, config: testConfig, clock: systemClock, streams: streams(name, registry), onError: (key: string, error: unknown) => assert.fail(`${key}: ${String(error)}`) });
    const policy = options('policy');
    const changes = policyChanges(cluster.cluster, cluster.routes);
    const [destination, inbound, outbound] = [destinationService(options('destination')), inboundService({ ...policy, changes: inboundChanges(changes, cluster.authorizations), good: lastGood(testConfig) }), outboundService({ ...policy, changes, settings: settingsMemory() })];
    closing = [destination, inbound, outbound].map((service) => () => service.close());
    server = await testGrpc((router) => void router.service(Destination, destination).service(InboundServerPolicies, inbound).service(OutboundPolicies, outbound));
    connect = (path: string) => {
      const Client = path.split('.').reduce((at: Decoded, part) => at[part], loaded.io.linkerd.proxy);
      const client = new Client(`127.0.0.1:${server.port}`, grpc.credentials.createInsecure()) as grpc.Client;
      clients.push(client);
      return client;
    };
  });
  after(async () => {
    for (const client of clients) client.close();
    await server.close();
    for (const close of closing) close();
    await cluster.close();
  });

  function follow(stream: grpc.ClientReadableStream<Decoded>): Call {
    const messages: Decoded[] = [];
    let wake: (() => void) | undefined;
    let read = 0;
    stream.on('data', (message) => {
      messages.push(message);
      wake?.();
    });
    const ended = new Promise<number>((resolve) => {
      stream.on('error', (error: Partial<grpc.ServiceError>) => resolve(error.code ?? -1));
      stream.on('end', () => resolve(0));
    });
    const next = async () => {
      while (messages.length === read) {
        await Promise.race([new Promise<void>((resolve) => { wake = resolve; }), ended.then((code) => assert.fail(`ended with ${code} instead`))]);
      }
      return messages[read++];
    };
    return { messages, next, cancel: () => stream.cancel(), ended };
  }

  /** What server-policy needs to build a policy at all, and not to deny the kubelet. */
  function checkServer(server: Decoded): void {
    for (const key of ['name', 'kind', 'group']) assert.equal(typeof server.labels[key], 'string');
    assert.deepEqual(server.labels, { group: '', kind: 'default', name: 'all-unauthenticated' });
    const detect = server.protocol.detect;
    assert.equal(detect.timeout.seconds, '10');
    assert.ok(detect.http_routes.length > 0, 'without a route every request is 404');
    for (const route of detect.http_routes) {
      assert.ok(route.metadata.default || route.metadata.resource);
      assert.ok(route.rules.length > 0);
      for (const rule of route.rules) for (const match of rule.matches) assert.ok(match.path.kind);
    }
    for (const authz of [...server.authorizations, ...detect.http_routes.flatMap((route: Decoded) => route.authorizations)]) {
      assert.ok(authz.networks.length > 0 && authz.networks.every((network: Decoded) => network.net.ip));
      assert.ok(authz.authentication.permit);
      assert.ok(authz.metadata.kind);
    }
  }

  function checkMeta(metadata: Decoded): void {
    assert.ok(metadata.kind);
    if (metadata.kind === 'resource') for (const key of ['group', 'kind', 'name', 'namespace']) assert.notEqual(metadata.resource[key], '');
  }

  /** What client-policy needs of one route; returns the paths of its balancers. */
  function checkRoute(route: Decoded): string[] {
    checkMeta(route.metadata);
    assert.ok(route.rules.length > 0);
    return route.rules.flatMap((rule: Decoded) => {
      const { backends } = rule.backends.first_available;
      assert.ok(backends.length > 0);
      return backends.map(({ backend }: Decoded) => {
        checkMeta(backend.metadata);
        assert.equal(backend.queue.capacity, 10_000);
        assert.equal(backend.queue.failfast_timeout.seconds, '3');
        assert.deepEqual(backend.balancer.peak_ewma, { default_rtt: { seconds: '0', nanos: 30_000_000 }, decay: { seconds: '10', nanos: 0 } });
        return backend.balancer.discovery.dst.path;
      });
    });
  }

  it('get policies for the ports at start, which stay open', async () => {
    const client = connect('inbound.InboundServerPolicies');
    const calls = [4191, 8080].map((port) => follow(client.watchPort({ workload: WORKLOAD, port })));
    for (const call of calls) checkServer(await call.next());
    const probes = calls.map((call) => call.messages[0].protocol.detect.http_routes[0]);
    assert.deepEqual(probes.map((route) => route.metadata.default), ['probe', 'probe']);
    assert.deepEqual(probes.map((route) => route.rules[0].matches[0].path.exact), ['/ready', '/ok']);
    await new Promise((resolve) => { setTimeout(resolve, 50); });
    assert.deepEqual(calls.map((call) => call.messages.length), [1, 1]);
    for (const call of calls) call.cancel();
    assert.deepEqual(await Promise.all(calls.map((call) => call.ended)), [grpc.status.CANCELLED, grpc.status.CANCELLED]);
  });

  it('get the same by the calls that give one answer', async () => {
    const ask = (service: string, method: string, request: object): Promise<Decoded> => new Promise((resolve, reject) => {
      connect(service)[method](request, (error: Error | null, answer: Decoded) => (error ? reject(error) : resolve(answer)));
    });
    const port = { workload: WORKLOAD, port: 8080 };
    const watched = follow(connect('inbound.InboundServerPolicies').watchPort(port));
    const one = await ask('inbound.InboundServerPolicies', 'getPort', port);
    checkServer(one);
    assert.deepEqual(one, await watched.next());
    const target = { source_workload: WORKLOAD, addr: ADDRESS };
    const policies = follow(connect('outbound.OutboundPolicies').watch(target));
    const decided = await ask('outbound.OutboundPolicies', 'get', target);
    checkMeta(decided.metadata);
    for (const route of [...decided.protocol.detect.http1.routes, ...decided.protocol.detect.http2.routes, ...decided.protocol.detect.opaque.routes]) checkRoute(route);
    assert.deepEqual(decided, await policies.next());
    for (const call of [watched, policies]) call.cancel();
    await Promise.all([watched.ended, policies.ended]);
  });

  it('get a certificate: DER throughout, with its end', async () => {
    const mesh = await testMesh();
    const token = { namespace: 'shop', name: 'default', uid: 'u' };
    const certify = certifier({
      config: testConfig, issuer: { usable: () => ({ authority: mesh.authority }) }, clock: systemClock, log: silentLog(), review: () => Promise.resolve(token),
      metrics: { certified: () => undefined, reviewed: () => undefined }, events: { record: () => undefined },
    });
    const identity = await testGrpc((router) => void router.service(Identity, { certify: (request, context) => certify(request, context) }));
    const definition = grpc.loadPackageDefinition(loadSync('identity.proto', { includeDirs: [PROTO], keepCase: true, longs: String })) as Decoded;
    const client = new definition.io.linkerd.proxy.identity.Identity(`127.0.0.1:${identity.port}`, grpc.credentials.createInsecure());
    const keys = generateKeys();
    const name = 'default.shop.serviceaccount.identity.mesh-system.cluster.local';
    const answer: Decoded = await new Promise((resolve, reject) => {
      client.certify({ identity: name, token: Buffer.from('a.b.c'), certificate_signing_request: createCsr(keys.privateKey, name) }, (error: Error | null, response: Decoded) => (error ? reject(error) : resolve(response)));
    });
    assert.deepEqual(Object.keys(answer).sort(), ['intermediate_certificates', 'leaf_certificate', 'valid_until']);
    const leaf = new X509Certificate(answer.leaf_certificate);
    assert.ok(leaf.raw.equals(answer.leaf_certificate), 'DER, and nothing behind it');
    assert.ok(leaf.subjectAltName!.startsWith(`DNS:${name}`), 'its first name is who the client is');
    assert.ok(leaf.checkPrivateKey(keys.privateKey));
    assert.equal(Number(answer.valid_until.seconds), Math.floor(leaf.validToDate.getTime() / 1000));
    const chain = [leaf, ...answer.intermediate_certificates.map((der: Buffer) => new X509Certificate(der))];
    for (const [i, one] of chain.slice(1).entries()) assert.ok(chain[i]!.checkIssued(one));
    client.close();
    await identity.close();
  });

  it('get profile and policy in parallel for a new address, then endpoints, again and again', async () => {
    const [destination, outbound] = [connect('destination.Destination'), connect('outbound.OutboundPolicies')];
    for (let round = 0; round < 3; round++) {
      const profile = follow(destination.getProfile({ path: '10.96.0.10:80', context_token: CONTEXT }));
      const policy = follow(outbound.watch({ source_workload: WORKLOAD, addr: ADDRESS }));
      const [described, decided] = await Promise.all([profile.next(), policy.next()]);
      assert.equal(described.fully_qualified_name, 'echo.shop.svc.cluster.local');
      assert.equal(described.opaque_protocol, false);
      checkMeta(decided.metadata);
      const { detect } = decided.protocol;
      assert.equal(detect.timeout.seconds, '10');
      const paths = [...detect.http1.routes, ...detect.http2.routes, ...detect.opaque.routes].flatMap(checkRoute);
      assert.deepEqual([...new Set(paths)], ['echo.shop.svc.cluster.local:80']);
      const endpoints = follow(destination.get({ path: paths[0], context_token: CONTEXT }));
      const { addrs } = (await endpoints.next()).add;
      assert.deepEqual(addrs[0].addr, { ip: { ipv4: 0x0a010001, ip: 'ipv4' }, port: 8080 });
      const identity = 'default.shop.serviceaccount.identity.mesh-system.cluster.local';
      assert.equal(addrs[0].tls_identity.dns_like_identity.name, identity);
      assert.equal(addrs[0].tls_identity.server_name.name, identity);
      assert.equal(addrs[0].protocol_hint.protocol, 'h2');
      assert.equal(addrs[0].protocol_hint.opaque_transport.inbound_port, 4143);
      const open = [profile, policy, endpoints];
      for (const call of open) call.cancel();
      assert.deepEqual(await Promise.all(open.map((call) => call.ended)), open.map(() => grpc.status.CANCELLED));
      assert.deepEqual(open.map((call) => call.messages.length), [1, 1, 1]);
    }
  });

  it('get what sends the proxy to the original address, for addresses outside and for pods', async () => {
    const [destination, outbound] = [connect('destination.Destination'), connect('outbound.OutboundPolicies')];
    const outside = { ip: { ipv4: 0xc0000207 }, port: 443 };
    assert.equal(await follow(destination.getProfile({ path: '192.0.2.7:443', context_token: CONTEXT })).ended, grpc.status.INVALID_ARGUMENT);
    assert.equal(await follow(outbound.watch({ source_workload: WORKLOAD, addr: outside })).ended, grpc.status.NOT_FOUND);
    const pod = follow(destination.getProfile({ path: '10.1.0.1:8080', context_token: CONTEXT }));
    assert.equal((await pod.next()).endpoint.protocol_hint.protocol, 'h2');
    assert.equal(await follow(outbound.watch({ source_workload: WORKLOAD, addr: { ip: { ipv4: 0x0a010001 }, port: 8080 } })).ended, grpc.status.NOT_FOUND);
    pod.cancel();
    await pod.ended;
  });
});
