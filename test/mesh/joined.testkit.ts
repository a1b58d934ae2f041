/** The control plane's policy and destination services and proxies, joined in one process over a fake API server: no cluster, but all of the wire. */
import assert from 'node:assert/strict';
import { Registry } from '@prometheus-io/client';
import { Destination } from '../../api/gen/destination_pb.js';
import { OutboundPolicies } from '../../api/gen/outbound_pb.js';
import { Code, ConnectError } from '@connectrpc/connect';
import { systemClock } from '../../lib/clock.ts';
import type { Cluster } from '../../control/cluster/cluster.ts';
import type { Routes } from '../../control/cluster/routes.ts';
import { streams } from '../../control/cluster/streams.ts';
import { testGrpc } from '../../control/cluster/testing/grpc.ts';
import { testPolicyCluster } from '../../control/cluster/testing/policy.ts';
import { testConfig } from '../../control/cluster/testing/view.ts';
import { destinationService } from '../../control/destination/service.ts';
import { policyChanges } from '../../control/policy/changes.ts';
import { outboundService } from '../../control/policy/outbound/service.ts';
import { settingsMemory } from '../../control/policy/settings/memory.ts';
import type { FakeApiServer } from '../../lib/kube/testing/fake-api-server.ts';
import { TestControlPlane } from '../../proxy/testing/control-plane.ts';
import { CLIENT_ID, startProxy, type Running } from '../../proxy/testing/pair.ts';

export interface Joined {
  api: FakeApiServer;
  /** A proxy of namespace shop, all of whose outbound connections are meant for this address. */
  client(ip: string, port?: number): Promise<Running>;
  close(): Promise<void>;
}

/** One process of the control plane: what proxies ask it. */
export interface Replica {
  port: number;
  /** ends its streams as one does that is told to end */
  leave(): void;
  /** breaks every connection */
  close(): Promise<void>;
}

export async function replica({ cluster, routes }: { cluster: Cluster; routes: Routes }): Promise<Replica> {
  const onError = (key: string, error: unknown) => assert.fail(`${key}: ${String(error)}`);
  const registry = new Registry();
  const destination = destinationService({ changes: cluster, config: testConfig, clock: systemClock, streams: streams('destination', registry), onError });
  const outbound = outboundService({ changes: policyChanges(cluster, routes), config: testConfig, clock: systemClock, streams: streams('policy', registry), settings: settingsMemory(), onError });
  const server = await testGrpc((router) => void router.service(Destination, destination).service(OutboundPolicies, outbound));
  return {
    port: server.port,
    leave: () => server.shutdown(new ConnectError('this replica ends', Code.Unavailable)),
    async close() {
      await server.close();
      destination.close();
      outbound.close();
    },
  };
}

/** A proxy of namespace shop whose control plane is at this address, and all of whose outbound connections are meant for `dst`. */
export function clientOf(control: TestControlPlane, at: string, dst: { ip: string; port: number }): Promise<Running> {
  return startProxy(control, CLIENT_ID, null, dst, {
    MESH_PROXY_DESTINATION_SVC_ADDR: at, MESH_PROXY_POLICY_SVC_ADDR: at, MESH_PROXY_POLICY_WORKLOAD: '{"ns":"shop","pod":"client"}', MESH_PROXY_DESTINATION_CONTEXT: '{"ns":"shop","pod":"client"}',
  });
}

export async function join(...manifests: string[]): Promise<Joined> {
  const control = new TestControlPlane();
  await control.start();
  const cluster = await testPolicyCluster(manifests.join('\n---'));
  const server = await replica(cluster);
  const proxies: Running[] = [];
  return {
    api: cluster.api,
    async client(ip, port = 80) {
      const proxy = await clientOf(control, `127.0.0.1:${server.port}`, { ip, port });
      proxies.push(proxy);
      return proxy;
    },
    async close() {
      for (const proxy of proxies) await proxy.close();
      await server.close();
      await cluster.close();
      await control.stop();
    },
  };
}

/** Manifests of a Service of namespace shop with one endpoint on loopback, not in the mesh. */
export function service(name: string, ip: string, port: number, { annotations = {}, slice = `${name}-1` }: { annotations?: Record<string, string>; slice?: string } = {}): string {
  return `
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: shop, annotations: ${JSON.stringify(annotations)}}
spec: {clusterIPs: [${ip}], ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ${slice}, namespace: shop, labels: {kubernetes.io/service-name: ${name}}}
addressType: IPv4
ports: [{port: ${port}}]
endpoints: [{addresses: [127.0.0.1]}]`;
}

/** Manifest of a route of namespace shop with the name of its Service; `rules` is YAML. */
export function route(kind: string, parent: string, rules: string): string {
  return `
apiVersion: gateway.networking.k8s.io/v1
kind: ${kind}
metadata: {name: ${parent}, namespace: shop}
spec:
  parentRefs: [{group: "", kind: Service, name: ${parent}}]
  rules: ${rules}`;
}
