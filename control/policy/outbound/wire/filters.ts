import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Fault_DelaySchema, FaultSchema, PathModifierSchema, RatioSchema, RequestRedirectSchema, UrlRewriteSchema } from '../../../../api/gen/http_route_pb.js';
import { Scheme_Registered } from '../../../../api/gen/http_types_pb.js';
import type { GrpcRoute_FilterSchema, HttpRoute_FilterSchema, RequestMirrorSchema } from '../../../../api/gen/outbound_pb.js';
import { duration, metadata, octets, requestMatch } from '../../wire.ts';
import type { Delay, Fault, Filter, Fraction, HeaderChanges, PathChange } from '../model.ts';
import { backendMessage } from './backend.ts';

type HttpFilter = MessageInitShape<typeof HttpRoute_FilterSchema>;
type GrpcFilter = MessageInitShape<typeof GrpcRoute_FilterSchema>;

const INTERNAL_SERVER_ERROR = 500;
const GRPC_UNAVAILABLE = 14;

export function httpFilter(filter: Filter): HttpFilter {
  switch (filter.kind) {
    case 'request-headers':
      return { kind: { case: 'requestHeaderModifier', value: headerChanges(filter.changes) } };
    case 'response-headers':
      return { kind: { case: 'responseHeaderModifier', value: headerChanges(filter.changes) } };
    case 'redirect':
      return { kind: { case: 'redirect', value: redirect(filter) } };
    case 'rewrite':
      return { kind: { case: 'urlRewrite', value: rewrite(filter) } };
    case 'mirror':
      return { kind: { case: 'mirror', value: mirror(filter) } };
    case 'fault':
      return { kind: { case: 'fault', value: fault(filter.fault) } };
    case 'fail':
      return { kind: { case: 'failureInjector', value: { status: INTERNAL_SERVER_ERROR, message: filter.message } } };
  }
}

/** Redirects and rewrites are no filters of a GRPCRoute. */
export function grpcFilter(filter: Filter): GrpcFilter[] {
  switch (filter.kind) {
    case 'request-headers':
      return [{ kind: { case: 'requestHeaderModifier', value: headerChanges(filter.changes) } }];
    case 'response-headers':
      return [{ kind: { case: 'responseHeaderModifier', value: headerChanges(filter.changes) } }];
    case 'mirror':
      return [{ kind: { case: 'mirror', value: mirror(filter) } }];
    case 'fault':
      return [{ kind: { case: 'fault', value: fault(filter.fault) } }];
    case 'fail':
      return [{ kind: { case: 'failureInjector', value: { code: GRPC_UNAVAILABLE, message: filter.message } } }];
    case 'redirect':
    case 'rewrite':
      return [];
  }
}

function headerChanges({ add, set, remove }: HeaderChanges) {
  const headers = (pairs: [string, string][]) => ({ headers: pairs.map(([name, value]) => ({ name, value: octets(value) })) });
  return { add: headers(add), set: headers(set), remove };
}

function redirect({ scheme, host, port, path, status }: Filter & { kind: 'redirect' }): MessageInitShape<typeof RequestRedirectSchema> {
  const registered = scheme === 'http' ? Scheme_Registered.HTTP : scheme === 'https' ? Scheme_Registered.HTTPS : undefined;
  return {
    status,
    ...(scheme !== undefined && { scheme: { type: registered === undefined ? { case: 'unregistered', value: scheme } : { case: 'registered', value: registered } } }),
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port }),
    ...(path && { path: pathChange(path) }),
  };
}

function rewrite({ host, path }: Filter & { kind: 'rewrite' }): MessageInitShape<typeof UrlRewriteSchema> {
  return { ...(host !== undefined && { host }), ...(path && { path: pathChange(path) }) };
}

function pathChange({ kind, value }: PathChange): MessageInitShape<typeof PathModifierSchema> {
  return { replace: { case: kind, value } };
}

function mirror({ backend, fraction }: Filter & { kind: 'mirror' }): MessageInitShape<typeof RequestMirrorSchema> {
  return { backend: backendMessage(backend), ...(fraction && { fraction: ratio(fraction) }) };
}

function ratio({ numerator, denominator }: Fraction): MessageInitShape<typeof RatioSchema> {
  return { numerator, denominator };
}

function fault({ reference, matches = [], delay, abort, untilUnixSeconds = 0 }: Fault): MessageInitShape<typeof FaultSchema> {
  return {
    metadata: metadata(reference),
    matches: matches.map(requestMatch),
    untilUnixSeconds: BigInt(untilUnixSeconds),
    ...(delay && {
      delay: {
        ...(delay.fraction && { ratio: ratio(delay.fraction) }),
        kind: delayOf(delay),
      },
    }),
    ...(abort && {
      abort: {
        ...(abort.fraction && { ratio: ratio(abort.fraction) }),
        kind: abort.kind === 'http' ? { case: 'httpStatus', value: abort.status } : { case: 'grpcStatus', value: abort.status },
      },
    }),
  };
}

function delayOf(delay: Delay): NonNullable<MessageInitShape<typeof Fault_DelaySchema>['kind']> {
  switch (delay.kind) {
    case 'fixed':
      return { case: 'fixed', value: duration(delay.ms) };
    case 'uniform':
      return { case: 'uniform', value: { min: duration(delay.minMs), max: duration(delay.maxMs) } };
    case 'normal':
      return { case: 'normal', value: { mean: duration(delay.meanMs), standardDeviation: duration(delay.deviationMs) } };
  }
}
