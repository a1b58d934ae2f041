/** Outbound policies for tests, written short: what a control plane would send. */
import type { Init } from '../../lib/grpc/wire.ts';
import type { Backend, GrpcRoute, HttpRoute, HttpRoute_Filter, HttpRoute_Rule, OutboundPolicy, TlsRoute } from '../../api/gen/outbound_pb.js';
import type { HttpRouteMatch } from '../../api/gen/http_route_pb.js';

export const duration = (ms: number): { seconds: bigint; nanos: number } => ({ seconds: BigInt(Math.floor(ms / 1000)), nanos: Math.round((ms % 1000) * 1e6) });

export const meta = (kind: string, name: string) => ({
  kind: { case: 'resource' as const, value: { group: kind === 'Service' ? 'core' : 'gateway.networking.k8s.io', kind, name, namespace: 'test', section: '', port: kind === 'Service' ? 80 : 0 } },
});

/** A Service known to the TestControlPlane by this path. */
export function backend(path: string, name = path): Init<Backend> {
  return {
    metadata: meta('Service', name),
    kind: { case: 'balancer', value: { discovery: { kind: { case: 'dst', value: { path } } } } },
    queue: { capacity: 100, failfastTimeout: duration(500) },
  };
}

export const to = (...backends: Init<Backend>[]): Init<HttpRoute_Rule>['backends'] =>
  ({ kind: { case: 'firstAvailable', value: { backends: backends.map((b) => ({ backend: b, filters: [] })) } } });

export const split = (...weights: [Init<Backend>, number, Init<HttpRoute_Filter>[]?, Init<Backend>[]?][]): Init<HttpRoute_Rule>['backends'] =>
  ({ kind: { case: 'randomAvailable', value: { backends: weights.map(([b, weight, filters = [], failover = []]) => ({ weight, backend: { backend: b, filters }, failover: failover.map((one) => ({ backend: one, filters: [] })) })) } } });

type PathKind = 'exact' | 'prefix' | 'regex';

export const match = (kind: PathKind, value: string, more: Partial<Init<HttpRouteMatch>> = {}): Init<HttpRouteMatch> =>
  ({ path: { kind: { case: kind, value } }, headers: [], queryParams: [], ...more });

export const headers = (pairs: Record<string, string>) => ({ headers: Object.entries(pairs).map(([name, value]) => ({ name, value: Buffer.from(value) })) });

export function route(name: string, rules: Init<HttpRoute_Rule>[], hosts: Init<HttpRoute>['hosts'] = []): Init<HttpRoute> {
  return { metadata: meta('HTTPRoute', name), hosts, rules: rules.map((r) => ({ matches: [], filters: [], ...r })) };
}

export function httpPolicy(...routes: Init<HttpRoute>[]): Init<OutboundPolicy> {
  return { metadata: meta('Service', 'web'), protocol: { kind: { case: 'detect', value: { timeout: duration(10_000), opaque: { routes: [] }, http1: { routes }, http2: { routes } } } } };
}

export function grpcPolicy(...routes: Init<GrpcRoute>[]): Init<OutboundPolicy> {
  return { metadata: meta('Service', 'web'), protocol: { kind: { case: 'grpc', value: { routes } } } };
}

export function tlsPolicy(...routes: Init<TlsRoute>[]): Init<OutboundPolicy> {
  return { metadata: meta('Service', 'web'), protocol: { kind: { case: 'tls', value: { routes } } } };
}
