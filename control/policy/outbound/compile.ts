import type { Service } from '../../../lib/kube/types.ts';
import { servicePort } from '../../../lib/mesh/service-port.ts';
import { declaredHttp, isOpaqueServicePort } from '../../cluster/mesh.ts';
import type { RequestMatch } from '../model.ts';
import { routesOfPort } from '../routes/attach.ts';
import type { Attached } from '../routes/attach.ts';
import { serviceReference, settingsOf } from '../routes/context.ts';
import type { Sources } from '../routes/context.ts';
import { failoverChain } from '../routes/failover.ts';
import { faultFilters, inheritedRetry, inheritedTimeouts, withoutZero } from '../routes/inherit.ts';
import type { Inherited } from '../routes/inherit.ts';
import { retryPolicy } from '../../../lib/traffic/retry.ts';
import type { Distribution, GrpcMatch, GrpcRouteModel, HttpRouteModel, OutboundPolicy, OutboundProtocol, OutboundRule, StreamRouteModel } from './model.ts';

/** How long a proxy waits for its application's first bytes before it takes a connection for opaque; Linkerd's value. */
const DETECT_TIMEOUT_MS = 10_000;

/**
 * How clients in a namespace (undefined: those that do not say where they are) are to treat one port of a service: by the routes that are attached
 * to it, else straight to its endpoints; either way as the annotations say.
 */
export function compileOutbound(service: Service, port: number, clients: string | undefined, sources: Sources): OutboundPolicy {
  const serviceSettings = settingsOf(service, sources);
  const inherited: Inherited = { service, view: sources.view, serviceSettings };
  const own: Distribution = { kind: 'first', backends: failoverChain(service, port, sources).map((backend) => ({ backend, filters: [], weight: 1 })) };
  const { attached } = servicePort(service, port) ? routesOfPort(service, port, clients, sources) : { attached: [] };
  return {
    reference: serviceReference(service, port),
    protocol: protocolOf(service, port, attached, inherited, own, sources),
    ...(serviceSettings.breaker && { breaker: serviceSettings.breaker }),
  };
}

function protocolOf(service: Service, port: number, attached: Attached[], inherited: Inherited, own: Distribution, { view, config }: Sources): OutboundProtocol {
  const opaque: StreamRouteModel[] = [{ reference: { kind: 'default', name: 'opaque' }, names: [], distributions: [own] }];
  const kind = attached[0]?.compiled.kind;
  if (kind === 'TLSRoute') return { kind: 'tls', routes: streamRoutes(attached) };
  if (kind === 'TCPRoute') return { kind: 'opaque', routes: streamRoutes(attached) };
  if (isOpaqueServicePort(service, port, view, config)) return { kind: 'opaque', routes: opaque };
  if (kind === 'GRPCRoute') return { kind: 'grpc', grpc: attached.flatMap(({ reference, compiled }): GrpcRouteModel[] => (compiled.kind === 'GRPCRoute' ? [{ reference, rules: compiled.rules }] : [])) };
  const known = declaredHttp(service, port);
  // Retries by gRPC code take a proxy that knows that it is gRPC.
  if (kind === undefined && known === 'grpc' && inherited.serviceSettings.retry.codes !== undefined) {
    return { kind: 'grpc', grpc: [{ reference: { kind: 'default', name: 'grpc' }, rules: [defaultRule<GrpcMatch>({ service: '', method: '', headers: [] }, 'grpc', inherited, own)] }] };
  }
  const http = kind === 'HTTPRoute'
    ? attached.flatMap(({ reference, compiled }): HttpRouteModel[] => (compiled.kind === 'HTTPRoute' ? [{ reference, rules: compiled.rules }] : []))
    : [{ reference: { kind: 'default', name: 'http' } as const, rules: [defaultRule<RequestMatch>({ path: { kind: 'prefix', value: '/' } }, 'http', inherited, own)] }];
  if (known === undefined) return { kind: 'detect', timeoutMs: DETECT_TIMEOUT_MS, http, opaque };
  return { kind: known === 'grpc' ? 'http2' : known, http };
}

function defaultRule<M>(match: M, protocol: 'http' | 'grpc', inherited: Inherited, own: Distribution): OutboundRule<M> {
  const retry = retryPolicy(inheritedRetry(inherited), protocol);
  return { matches: [match], filters: faultFilters(inherited), distribution: own, timeouts: withoutZero(inheritedTimeouts(inherited)), ...(retry && { retry }) };
}

function streamRoutes(attached: Attached[]): StreamRouteModel[] {
  return attached.flatMap(({ reference, route, compiled }): StreamRouteModel[] =>
    (compiled.kind === 'TLSRoute' || compiled.kind === 'TCPRoute'
      ? [{ reference, names: compiled.kind === 'TLSRoute' ? (route.object.spec.hostnames ?? []) : [], distributions: compiled.rules }]
      : []));
}
