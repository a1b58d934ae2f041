/** What proxies ask of destination and policy, spoiled in every way: each call gets an answer by gRPC's codes, and the next good one is as good as before. */
import assert from 'node:assert/strict';
import { connect, type ClientHttp2Session } from 'node:http2';
import { create, toBinary } from '@bufbuild/protobuf';
import { Registry } from '@prometheus-io/client';
import fc from 'fast-check';
import { Destination, GetDestinationSchema } from '../../api/gen/destination_pb.js';
import { InboundServerPolicies, PortSpecSchema } from '../../api/gen/inbound_pb.js';
import { OutboundPolicies, TrafficSpecSchema } from '../../api/gen/outbound_pb.js';
import { METHODS } from '../../api/gen/tables.ts';
import { systemClock } from '../../lib/clock.ts';
import { frame } from '../../lib/grpc/frame.ts';
import { streams } from '../cluster/streams.ts';
import { testGrpc, type TestServer } from '../cluster/testing/grpc.ts';
import { testPolicyCluster, type TestPolicyCluster } from '../cluster/testing/policy.ts';
import { testConfig } from '../cluster/testing/view.ts';
import { destinationService } from '../destination/service.ts';
import { rawCall, spoiled, spoiledFrames } from '../serve/testing/raw-call.ts';
import { policyChanges } from './changes.ts';
import { lastGood } from './inbound/last-good.ts';
import { inboundChanges } from './inbound/policies.ts';
import { inboundService } from './inbound/service.ts';
import { outboundService } from './outbound/service.ts';
import { settingsMemory } from './settings/memory.ts';

const MANIFESTS = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {clusterIPs: [10.96.0.5], ports: [{port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: shop}
spec: {containers: [{name: app}]}
status: {phase: Running, podIPs: [{ip: 10.1.0.1}]}
`;
const WORKLOAD = '{"ns":"shop","pod":"web-1"}\n';

/** A good request of each kind, and where it goes. */
const destination = (path: string, contextToken: string) => toBinary(GetDestinationSchema, create(GetDestinationSchema, { path, contextToken }));
const port = (workload: string, number: number) => toBinary(PortSpecSchema, create(PortSpecSchema, { workload, port: number }));
const traffic = (sourceWorkload: string, authority: string) => toBinary(TrafficSpecSchema, create(TrafficSpecSchema, { sourceWorkload, target: { case: 'authority', value: authority } }));
const CALLS: [path: string, good: Uint8Array][] = [
  [METHODS.Destination_Get, destination('web.shop.svc.cluster.local:80', WORKLOAD)],
  [METHODS.Destination_GetProfile, destination('10.96.0.5:80', WORKLOAD)],
  [METHODS.InboundServerPolicies_GetPort, port(WORKLOAD, 8080)],
  [METHODS.InboundServerPolicies_WatchPort, port(WORKLOAD, 8080)],
  [METHODS.OutboundPolicies_Get, traffic(WORKLOAD, 'web.shop.svc.cluster.local:80')],
  [METHODS.OutboundPolicies_Watch, traffic(WORKLOAD, 'web.shop.svc.cluster.local:80')],
];

/** OK, INVALID_ARGUMENT, NOT_FOUND, RESOURCE_EXHAUSTED (a frame that is too long), UNIMPLEMENTED (compressed, or more than one message) and INTERNAL (no message); or a watch that stays open. */
const ANSWERS: ReadonlySet<string> = new Set(['0', '3', '5', '8', '12', '13', 'open']);

describe('destination and policy over the wire', () => {
  let cluster: TestPolicyCluster;
  let server: TestServer;
  let session: ClientHttp2Session;
  let closing: (() => void)[];
  const errors: unknown[] = [];

  before(async () => {
    cluster = await testPolicyCluster(MANIFESTS);
    const changes = policyChanges(cluster.cluster, cluster.routes);
    const shared = { config: testConfig, clock: systemClock, onError: (key: string, error: unknown) => void errors.push([key, error]) };
    const registry = new Registry();
    const [destinations, policies] = [streams('destination', registry), streams('policy', registry)];
    const [one, two, three] = [
      destinationService({ ...shared, changes: cluster.cluster, streams: destinations }),
      inboundService({ ...shared, changes: inboundChanges(changes, cluster.authorizations), streams: policies, good: lastGood(testConfig) }),
      outboundService({ ...shared, changes, streams: policies, settings: settingsMemory() }),
    ];
    closing = [one, two, three].map((service) => () => service.close());
    server = await testGrpc((router) => void router.service(Destination, one).service(InboundServerPolicies, two).service(OutboundPolicies, three));
    session = connect(`http://127.0.0.1:${server.port}`);
  });
  after(async () => {
    session.destroy();
    await server.close();
    for (const close of closing) close();
    await cluster.close();
  });

  const good = () => rawCall(session, METHODS.InboundServerPolicies_GetPort, frame(CALLS[2]![1]));
  /** A watch that has nothing to say is known to be open once two later calls on the connection have been answered. */
  const settled = async () => {
    for (let i = 0; i < 2; i++) assert.equal(await good(), '0');
  };
  const answered = async (path: string, body: Uint8Array): Promise<void> => {
    const status = await rawCall(session, path, body, settled);
    assert.ok(ANSWERS.has(status), `${status} from ${path} for ${Buffer.from(body).toString('hex')}`);
  };

  it('answers whatever messages come', async function () {
    this.timeout(60_000);
    for (const [path, message] of CALLS) {
      await fc.assert(fc.asyncProperty(spoiled(message), (octets) => answered(path, frame(octets))), { numRuns: 60 });
      await fc.assert(fc.asyncProperty(spoiledFrames(message), (octets) => rawCall(session, path, octets, settled).then((status) => assert.ok(ANSWERS.has(status) || status === 'reset', status))), { numRuns: 40 });
    }
    assert.deepEqual(errors, []);
  });

  it('answers whatever paths, contexts and ports are asked for', async function () {
    this.timeout(60_000);
    const odd = fc.oneof(fc.string({ maxLength: 60 }), fc.constantFrom('', ':', '[::1]:80', '0.0.0.0:0', 'web.shop.svc.cluster.local', '.svc.cluster.local:80', 'a'.repeat(5000), '10.96.0.5:99999', '{', '{}', '[]', 'null', '{"ns":1,"pod":[]}', '{"ns":"a/b","pod":"../.."}', '{"ns":"__proto__","pod":"constructor"}'));
    await fc.assert(fc.asyncProperty(odd, odd, fc.nat(0xff_ff_ff_ff), async (path, context, number) => {
      for (const method of [METHODS.Destination_Get, METHODS.Destination_GetProfile]) await answered(method, frame(destination(path, context)));
      for (const method of [METHODS.InboundServerPolicies_GetPort, METHODS.InboundServerPolicies_WatchPort]) await answered(method, frame(port(context, number)));
      for (const method of [METHODS.OutboundPolicies_Get, METHODS.OutboundPolicies_Watch]) await answered(method, frame(traffic(context, path)));
    }), { numRuns: 60 });
    const unknown = fc.oneof(fc.webPath(), fc.constantFrom('/', `${METHODS.Destination_Get}/`, METHODS.Identity_Certify, '/io.linkerd.proxy.destination.Destination/__proto__'));
    await fc.assert(fc.asyncProperty(unknown, async (path) => assert.equal(await rawCall(session, path === '' ? '/' : path, frame(CALLS[0]![1])), 'http 404')), { numRuns: 60 });
    assert.deepEqual(errors, []);
  });
});
