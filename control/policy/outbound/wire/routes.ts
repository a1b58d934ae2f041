import type { MessageInitShape } from '@bufbuild/protobuf';
import type { GrpcRouteMatchSchema } from '../../../../api/gen/grpc_route_pb.js';
import type {
  GrpcRoute_DistributionSchema, GrpcRouteSchema, HttpRoute_DistributionSchema, HttpRouteSchema, OpaqueRoute_DistributionSchema, OpaqueRouteSchema, TlsRouteSchema,
} from '../../../../api/gen/outbound_pb.js';
import type { SniMatchSchema } from '../../../../api/gen/tls_route_pb.js';
import { headerMatch, metadata, requestMatch } from '../../wire.ts';
import type { Distribution, Filter, GrpcMatch, GrpcRouteModel, HttpRouteModel, RouteBackend, StreamRouteModel } from '../model.ts';
import { backendMessage } from './backend.ts';
import { grpcFilter, httpFilter } from './filters.ts';
import { grpcRetry, httpRetry, timeouts } from './retry.ts';

export function httpRoute({ reference, rules }: HttpRouteModel): MessageInitShape<typeof HttpRouteSchema> {
  return {
    metadata: metadata(reference),
    rules: rules.map((rule) => ({
      matches: rule.matches.map(requestMatch),
      filters: rule.filters.map(httpFilter),
      backends: distribution(rule.distribution, (filters) => filters.map(httpFilter)) as MessageInitShape<typeof HttpRoute_DistributionSchema>,
      ...timeouts(rule.timeouts),
      ...(rule.retry && { retry: httpRetry(rule.retry) }),
    })),
  };
}

export function grpcRoute({ reference, rules }: GrpcRouteModel): MessageInitShape<typeof GrpcRouteSchema> {
  return {
    metadata: metadata(reference),
    rules: rules.map((rule) => ({
      matches: rule.matches.map(grpcMatch),
      filters: rule.filters.flatMap(grpcFilter),
      backends: distribution(rule.distribution, (filters) => filters.flatMap(grpcFilter)) as MessageInitShape<typeof GrpcRoute_DistributionSchema>,
      ...timeouts(rule.timeouts),
      ...(rule.retry && { retry: grpcRetry(rule.retry) }),
    })),
  };
}

export function opaqueRoute({ reference, distributions }: StreamRouteModel): MessageInitShape<typeof OpaqueRouteSchema> {
  return { metadata: metadata(reference), rules: distributions.map((one) => ({ backends: distribution(one, streamFilters) as MessageInitShape<typeof OpaqueRoute_DistributionSchema> })) };
}

export function tlsRoute(route: StreamRouteModel): MessageInitShape<typeof TlsRouteSchema> {
  return { ...opaqueRoute(route), snis: route.names.map(sniMatch) } as MessageInitShape<typeof TlsRouteSchema>;
}

function grpcMatch({ service, method, regex, headers }: GrpcMatch): MessageInitShape<typeof GrpcRouteMatchSchema> {
  return { rpc: { service, method, regex: regex === true }, headers: headers.map(headerMatch) };
}

/** `*.example.com` is the suffix, label by label from the right. */
function sniMatch(name: string): MessageInitShape<typeof SniMatchSchema> {
  if (!name.startsWith('*.')) return { match: { case: 'exact', value: name } };
  return { match: { case: 'suffix', value: { reverseLabels: name.slice(2).split('.').toReversed() } } };
}

/** Connections have no response to fail with: a backend that only fails refuses them. */
function streamFilters(filters: Filter[]) {
  return filters.flatMap((filter) => (filter.kind === 'fail' ? [{ kind: { case: 'invalid' as const, value: { message: filter.message } } }] : []));
}

/** The four kinds of routes have distributions of the same form, each a message of its own. */
function distribution<F>(given: Distribution, filters: (filters: Filter[]) => F[]) {
  const routeBackend = (one: RouteBackend) => ({ backend: backendMessage(one.backend), filters: filters(one.filters) });
  switch (given.kind) {
    case 'none':
      return { kind: { case: 'empty' as const, value: {} } };
    case 'first':
      return { kind: { case: 'firstAvailable' as const, value: { backends: given.backends.map(routeBackend) } } };
    case 'weighted':
      return { kind: { case: 'randomAvailable' as const, value: { backends: given.backends.map((one) => ({ backend: routeBackend(one), weight: one.weight, failover: one.failover.map(routeBackend) })) } } };
  }
}
