/** The policies of the bench with every layer on: what a team that uses the mesh in earnest would have on a Service. */
import type { Server } from '../../api/gen/inbound_pb.js';
import type { OutboundPolicy } from '../../api/gen/outbound_pb.js';
import type { Init } from '../../lib/grpc/wire.ts';
import { ipMessage } from '../../proxy/discover/convert.ts';

const seconds = (n: number): { seconds: bigint; nanos: number } => ({ seconds: BigInt(Math.floor(n)), nanos: Math.round((n % 1) * 1e9) });
const resource = (kind: string, name: string) => ({ kind: { case: 'resource' as const, value: { group: 'gateway.networking.k8s.io', kind, name, namespace: 'bench', section: '', port: 0 } } });
const anyPath = { path: { kind: { case: 'prefix' as const, value: '/' } }, headers: [], queryParams: [] };

/** A route on any path with a weighted backend, timeouts, retries of failures with backoff and budget, and circuit breaking by consecutive failures. */
export function fullOutbound(path: string, opaque: boolean): Init<OutboundPolicy> {
  const backend = {
    metadata: resource('Service', 'bench'),
    kind: {
      case: 'balancer' as const,
      value: { discovery: { kind: { case: 'dst' as const, value: { path } } }, load: { case: 'peakEwma' as const, value: { defaultRtt: seconds(0.03), decay: seconds(10) } } },
    },
    queue: { capacity: 100, failfastTimeout: seconds(3) },
  };
  const one = { kind: { case: 'randomAvailable' as const, value: { backends: [{ weight: 1, backend: { backend, filters: [] } }] } } };
  const backoff = { minBackoff: seconds(0.025), maxBackoff: seconds(0.25), jitterRatio: 0.5, respectRetryAfterHint: false };
  const http = {
    metadata: resource('HTTPRoute', 'bench'), hosts: [],
    rules: [{
      matches: [anyPath], filters: [], backends: one, allowL5dRequestHeaders: false,
      timeouts: { request: seconds(10), response: seconds(10), idle: seconds(60) },
      retry: {
        maxRetries: 2, maxRequestBytes: 65_536, timeout: seconds(5), backoff,
        conditions: { statusRanges: [{ start: 500, end: 599 }], noResponse: true }, budget: { ratio: 0.2, minPerSecond: 10, window: seconds(10) },
      },
    }],
  };
  const failureAccrual = { kind: { case: 'consecutiveFailures' as const, value: { maxFailures: 7, backoff: { ...backoff, minBackoff: seconds(1), maxBackoff: seconds(60) } } } };
  const routes = { routes: [http], failureAccrual };
  const raw = { routes: [{ metadata: resource('TCPRoute', 'bench'), rules: [{ filters: [], backends: one }] }] };
  return {
    protocol: { kind: opaque ? { case: 'opaque', value: raw } : { case: 'detect', value: { timeout: seconds(10), opaque: raw, http1: routes, http2: routes } } },
    metadata: resource('Service', 'bench'),
  };
}

/** One port of the application: only the client's identity over mesh TLS, by the server and by a route. */
export function fullInbound(client: string): Init<Server> {
  const who = {
    networks: ['0.0.0.0', '::'].map((ip) => ({ net: { ip: ipMessage(ip), prefixLen: 0 }, except: [] })),
    authentication: { permit: { case: 'meshTLS' as const, value: { clients: { case: 'identities' as const, value: { identities: [{ name: client }], suffixes: [] } } } } },
    labels: { group: 'policy', kind: 'authorizationpolicy', name: 'bench' }, metadata: resource('AuthorizationPolicy', 'bench'), requests: [],
  };
  const route = { metadata: resource('HTTPRoute', 'bench-server'), hosts: [], authorizations: [who], rules: [{ matches: [anyPath], filters: [] }] };
  return {
    protocol: { kind: { case: 'detect', value: { timeout: seconds(10), httpRoutes: [route] } } },
    serverIps: [], authorizations: [who], labels: { group: 'policy', kind: 'server', name: 'bench' },
  };
}
