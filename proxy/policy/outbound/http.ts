import type { Plain } from '../../../lib/grpc/wire.ts';
import type { GrpcRouteMatch } from '../../../api/gen/grpc_route_pb.js';
import type { HttpRouteMatch } from '../../../api/gen/http_route_pb.js';
import type { GrpcRoute, GrpcRoute_Retry, GrpcRoute_Rule, HttpRoute, HttpRoute_Retry, HttpRoute_Rule } from '../../../api/gen/outbound_pb.js';
import { wholePattern } from '../../../lib/pattern.ts';
import { compileHeaders, compilePath, compileTests, methodName, type Matcher, type PathTest } from '../route-match.ts';
import type { Entry } from '../route-table.ts';
import { compileDistribution } from './backends.ts';
import { compileFilters } from './filters.ts';
import type { AccrualPolicy, HostMatch, HttpRoutes, HttpRule, Meta, RetryConditions, RetryPolicy, TimeoutPolicy } from './model.ts';
import { backoffOf, hostOf, metaOf, millisOf } from './wire.ts';

/** What of a route-table entry a match message says. */
export type Match = Pick<Entry<HttpRule>, 'path' | 'tests' | 'weights'>;
export const ANY_REQUEST: Match = { path: { kind: 'prefix', value: '' }, tests: [], weights: [0, 0, 0] };

export function compileHttpRoutes(routes: readonly Plain<HttpRoute>[], accrual: AccrualPolicy | null): HttpRoutes {
  return { entries: routes.flatMap((r) => r.rules.flatMap((rule, i) => {
    const route = metaOf(r.metadata);
    return entries(r.hosts.map(hostOf), rule.matches.map(httpMatch), { ...common(rule, route, i, accrual), grpc: false, retry: httpRetry(rule.retry) });
  })) };
}

export function compileGrpcRoutes(routes: readonly Plain<GrpcRoute>[], accrual: AccrualPolicy | null): HttpRoutes {
  return { entries: routes.flatMap((r) => r.rules.flatMap((rule, i) => {
    const route = metaOf(r.metadata);
    return entries(r.hosts.map(hostOf), rule.matches.map(grpcMatch), { ...common(rule, route, i, accrual), grpc: true, retry: grpcRetry(rule.retry) });
  })) };
}

function entries(hosts: HostMatch[], matches: Match[], rule: HttpRule): Entry<HttpRule>[] {
  const all = matches.length === 0 ? [ANY_REQUEST] : matches;
  return (hosts.length === 0 ? [null] : hosts).flatMap((host) => all.map((m) => ({ host, ...m, rule })));
}

function common(rule: Plain<HttpRoute_Rule> | Plain<GrpcRoute_Rule>, route: Meta, index: number, accrual: AccrualPolicy | null): Omit<HttpRule, 'grpc' | 'retry'> {
  return {
    route,
    key: `${route.group}/${route.kind}/${route.namespace}/${route.name}/${route.section}#${index}`,
    filters: compileFilters(rule.filters),
    distribution: compileDistribution(rule.backends, accrual, (b) => compileFilters(b.filters)),
    timeouts: timeouts(rule),
    headers: rule.allowL5dRequestHeaders,
  };
}

/** requestTimeout is the older name of timeouts.response, in the protos' words. */
function timeouts({ timeouts: t, requestTimeout }: Pick<Plain<HttpRoute_Rule>, 'timeouts' | 'requestTimeout'>): TimeoutPolicy {
  return { requestMs: millisOf(t?.request), responseMs: millisOf(t?.response ?? requestTimeout), idleMs: millisOf(t?.idle) };
}

/** Throws BadPattern. */
export function httpMatch(m: Plain<HttpRouteMatch>): Match {
  return { path: compilePath(m.path), tests: compileTests(m), weights: [methodName(m.method) === '' ? 0 : 1, m.headers.length, m.queryParams.length] };
}

/** More than any method name is long: what names a service goes before what names only a method. */
const SERVICE = 1_000_000;

/** gRPC over HTTP/2: the path is /service/method. Throws BadPattern. */
export function grpcMatch(m: Plain<GrpcRouteMatch>): Match {
  const { service = '', method = '', regex = false } = m.rpc ?? {};
  const tests: Matcher[] = compileHeaders(m.headers);
  let path: PathTest = { kind: 'prefix', value: '' };
  if (regex) path = grpcPattern(service, method);
  else if (service !== '' && method !== '') path = { kind: 'exact', value: `/${service}/${method}` };
  else if (service !== '') path = { kind: 'test', matches: (p) => p.startsWith(`/${service}/`), weight: SERVICE + service.length };
  else if (method !== '') path = { kind: 'test', matches: (p) => p.endsWith(`/${method}`) && p.indexOf('/', 1) === p.length - method.length - 1, weight: method.length };
  return { path, tests, weights: [0, m.headers.length, 0] };
}

/** Any name is more particular, so that these come last among those that ask for one. Throws BadPattern. */
function grpcPattern(service: string, method: string): PathTest {
  const [ofService, ofMethod] = [service, method].map((pattern) => (pattern === '' ? () => true : wholePattern(pattern)));
  return {
    kind: 'test', weight: 0,
    matches: (p) => {
      const slash = p.indexOf('/', 1);
      return slash > 0 && ofService!(p.slice(1, slash)) && ofMethod!(p.slice(slash + 1));
    },
  };
}

function httpRetry(r: Plain<HttpRoute_Retry> | undefined): RetryPolicy | null {
  const c = r?.conditions;
  return retry(r, { statuses: (c?.statusRanges ?? []).map(({ start, end }) => [start, end] as const), grpc: [], noResponse: c?.noResponse === true });
}

function grpcRetry(r: Plain<GrpcRoute_Retry> | undefined): RetryPolicy | null {
  const c = r?.conditions;
  const codes: [boolean | undefined, number][] = [[c?.cancelled, 1], [c?.deadineExceeded, 4], [c?.resourceExhausted, 8], [c?.internal, 13], [c?.unavailable, 14]];
  return retry(r, { statuses: [], grpc: codes.filter(([on]) => on === true).map(([, code]) => code), noResponse: c?.noResponse === true });
}

function retry(r: Plain<HttpRoute_Retry> | Plain<GrpcRoute_Retry> | undefined, conditions: RetryConditions): RetryPolicy | null {
  if (r === undefined || r.maxRetries === 0) return null;
  const b = r.budget;
  return {
    maxRetries: r.maxRetries, maxRequestBytes: r.maxRequestBytes, perTryMs: millisOf(r.timeout), backoff: backoffOf(r.backoff), conditions,
    methods: 'methods' in r && r.methods.length > 0 ? new Set(r.methods) : null,
    budget: b === undefined ? null : { ratio: b.ratio, minPerSecond: b.minPerSecond, windowMs: millisOf(b.window) || 10_000 },
  };
}
