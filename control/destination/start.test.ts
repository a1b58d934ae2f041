import assert from 'node:assert/strict';
import { connect as connectTls } from 'node:tls';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { Registry } from '@prometheus-io/client';
import { Destination } from '../../api/gen/destination_pb.js';
import { InboundServerPolicies } from '../../api/gen/inbound_pb.js';
import { systemClock } from '../../lib/clock.ts';
import { fakeApiServer } from '../../lib/kube/testing/fake-api-server.ts';
import { createLog } from '../../lib/log.ts';
import { start as startAnchors } from '../anchors/start.ts';
import { reader } from '../cluster/testing/grpc.ts';
import { testConfig } from '../cluster/testing/view.ts';
import type { ControlDeps } from '../deps.ts';
import { start as startPolicy } from '../policy/start.ts';
import { testEnv } from '../serve/testing/config.ts';
import { testMesh, until } from '../serve/testing/mesh.ts';
import { start as startDestination } from './start.ts';

const NAME = 'mesh-control.mesh-system.serviceaccount.identity.mesh-system.cluster.local';
const MANIFESTS = `
{apiVersion: v1, kind: Namespace, metadata: {name: shop}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: mesh-trust-anchors, namespace: mesh-system}, data: {ca-bundle.crt: PEM}}
---
{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {clusterIPs: [10.96.0.5], ports: [{port: 80}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: web-1, namespace: shop}, spec: {containers: [{name: app}]}}
`;

describe('destination, policy and anchors in one process', () => {
  it('serve over mesh TLS from one set of watches, say when they are ready, and leave nothing behind', async () => {
    const api = await fakeApiServer(MANIFESTS);
    const mesh = await testMesh();
    const checks = new Map<string, () => string | null>();
    const lines: { service: string; port?: number; msg: string }[] = [];
    const deps: ControlDeps = {
      config: testConfig,
      log: createLog('control', 'info', { write: (line) => void lines.push(JSON.parse(line) as (typeof lines)[number]) }),
      clock: systemClock,
      kube: api.client(),
      identity: await mesh.identity(NAME),
      admin: { registry: new Registry(), addCheck: (name, check) => void checks.set(name, check), removeCheck: (name) => void checks.delete(name), reportIdentity: () => undefined },
      signal: new AbortController().signal,
    };
    const env = testEnv();
    const services = await Promise.all([startDestination(env, deps), startPolicy(env, deps), startAnchors(env, deps)]);
    await until(() => [...checks.values()].every((check) => check() === null));
    assert.deepEqual([...checks.keys()].sort(), ['destination', 'policy']);
    await until(() => api.watches() === 16);

    const portOf = (service: string) => lines.find((line) => line.service === service && line.port !== undefined)!.port!;
    const managers: Http2SessionManager[] = [];
    const transport = (port: number) => {
      const createConnection = () => connectTls({ host: '127.0.0.1', port, servername: NAME, ca: mesh.root.certificate, checkServerIdentity: () => undefined });
      const sessionManager = new Http2SessionManager(`https://${NAME}`, {}, { createConnection });
      managers.push(sessionManager);
      return createGrpcTransport({ baseUrl: `https://${NAME}`, sessionManager });
    };
    const profile = reader(createClient(Destination, transport(portOf('destination'))).getProfile({ path: '10.96.0.5:80' }));
    assert.equal((await profile.next()).fullyQualifiedName, 'web.shop.svc.cluster.local');
    const server = reader(createClient(InboundServerPolicies, transport(portOf('policy'))).watchPort({ workload: '{"ns":"shop","pod":"web-1"}\n', port: 80 }));
    assert.equal((await server.next()).labels['name'], 'all-unauthenticated');
    await until(async () => /mesh_anchors_writes_total 1\n/.test(await deps.admin.registry.metrics()));

    const ends = Promise.all([profile.end(), server.end()]);
    await Promise.all(services.map((service) => service.stop()));
    assert.deepEqual((await ends).map((error) => ConnectError.from(error).code), [Code.Unavailable, Code.Unavailable]);
    assert.equal(checks.size, 0);
    for (const manager of managers) manager.abort();
    await until(() => api.watches() === 0);
    await api.close();
  });

  it('refuse a default policy that there is not', async () => {
    const config = { ...testConfig, proxy: { ...testConfig.proxy, defaultInboundPolicy: 'everybody' } };
    await assert.rejects(startPolicy(testEnv({ configFile: 'config.yaml' }), { config } as ControlDeps), /config\.yaml: proxy\.defaultInboundPolicy is "everybody"; use one of all-unauthenticated, /);
  });
});
