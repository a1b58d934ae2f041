import { parseDuration } from '../../../lib/duration.ts';
import type { FilteredBackendRef, GrpcRoute, HttpRoute, HttpRouteRule, SessionPersistence, StreamRouteRule, TcpRoute, TlsRoute } from '../../../lib/kube/gateway-api.ts';
import { grpcMatches, httpMatches } from '../../../lib/mesh/route-matches.ts';
import type { RequestMatch } from '../model.ts';
import type { Filter, GrpcMatch, OutboundRule, Distribution, SessionAffinity } from '../outbound/model.ts';
import { affinityOf } from '../../../lib/traffic/affinity.ts';
import { defined } from '../../../lib/traffic/read.ts';
import { MAX_RETRIES, retryPolicy, statusRanges } from '../../../lib/traffic/retry.ts';
import type { RetrySettings } from '../../../lib/traffic/retry.ts';
import { distribution } from './backends.ts';
import type { RouteContext } from './context.ts';
import { compileFilters } from './filters.ts';
import type { Problems } from './problems.ts';
import { faultFilters, inheritedRetry, inheritedTimeouts, withoutZero } from './inherit.ts';

/** Retried by a `retry` that names no codes, where no annotation does: what says that the backend did not get to answer. */
const DEFAULT_RETRY_CODES = 'gateway-error';

/** The rules of a route that can be followed, in order. */
export function httpRules(route: HttpRoute, context: RouteContext, problems: Problems): OutboundRule<RequestMatch>[] {
  return (route.spec.rules ?? [{}]).flatMap((rule, i) => {
    const where = `rules[${i}]`;
    const matches = httpMatches(rule.matches, where, problems);
    const filters = compileFilters(rule.filters, matches, where, context, problems);
    const answers = filters.some((filter) => filter.kind === 'redirect') && !rule.backendRefs?.length;
    const inherited = inheritedRetry(context, rule.backendRefs);
    const policy = retryPolicy({ ...inherited, ...specRetry(rule, inherited, where, problems) }, 'http');
    const timeouts = specTimeouts(rule, where, context, policy === undefined, problems);
    const compiled: OutboundRule<RequestMatch> = {
      matches,
      filters: [...faultFilters(context), ...filters],
      distribution: answers ? { kind: 'none' } : backends(rule, matches, where, context, problems),
      timeouts,
      ...(policy && { retry: policy }),
    };
    return problems.hasRule(where) ? [] : [compiled];
  });
}

export function grpcRules(route: GrpcRoute, context: RouteContext, problems: Problems): OutboundRule<GrpcMatch>[] {
  return (route.spec.rules ?? [{}]).flatMap((rule, i) => {
    const where = `rules[${i}]`;
    const matches = grpcMatches(rule.matches, where, problems);
    const filters = compileFilters(rule.filters, [], where, context, problems);
    const retry = retryPolicy(inheritedRetry(context, rule.backendRefs), 'grpc');
    const compiled: OutboundRule<GrpcMatch> = {
      matches,
      filters: [...faultFilters(context), ...filters],
      distribution: backends(rule, [], where, context, problems),
      timeouts: withoutZero(inheritedTimeouts(context)),
      ...(retry && { retry }),
    };
    return problems.hasRule(where) ? [] : [compiled];
  });
}

/** Rules of a TLSRoute or TCPRoute: where connections go. */
export function streamRules(route: TlsRoute | TcpRoute, context: RouteContext, problems: Problems): Distribution[] {
  return (route.spec.rules ?? [{}]).map((rule: StreamRouteRule, i) => distribution(rule.backendRefs, `rules[${i}]`, context, problems, { filters: () => [] }));
}

interface BackendRule { backendRefs?: FilteredBackendRef[]; sessionPersistence?: SessionPersistence }

function backends(rule: BackendRule, matches: RequestMatch[], where: string, context: RouteContext, problems: Problems): Distribution {
  const affinity: SessionAffinity | undefined = rule.sessionPersistence
    ? affinityOf(rule.sessionPersistence, (field, message) => problems.field(`${where}.sessionPersistence.${field}`, message))
    : context.routeSettings.affinity;
  const filters = (ref: FilteredBackendRef, at: string): Filter[] => compileFilters(ref.filters, matches, at, context, problems);
  return distribution(rule.backendRefs, where, context, problems, { filters, affinity });
}

function specRetry({ retry, timeouts }: HttpRouteRule, inherited: RetrySettings, where: string, problems: Problems): RetrySettings {
  const timeoutMs = duration(timeouts?.backendRequest, `${where}.timeouts.backendRequest`, problems);
  return defined({
    timeoutMs: timeoutMs === 0 ? undefined : timeoutMs,
    ...(retry && {
      statuses: retry.codes?.length ? retry.codes.map((code) => ({ from: code, to: code })) : (inherited.statuses ?? statusRanges(DEFAULT_RETRY_CODES)),
      limit: attempts(retry.attempts, `${where}.retry.attempts`, problems),
      backoffBaseMs: duration(retry.backoff, `${where}.retry.backoff`, problems),
    }),
  });
}

function attempts(given: number | undefined, where: string, problems: Problems): number | undefined {
  if (given === undefined || (Number.isInteger(given) && given >= 0 && given <= MAX_RETRIES)) return given;
  problems.field(where, `${given} is not between 0 and ${MAX_RETRIES}`);
  return given > MAX_RETRIES ? MAX_RETRIES : undefined;
}

/** With a single try, its bound is the request's bound. */
function specTimeouts({ timeouts }: HttpRouteRule, where: string, context: RouteContext, singleTry: boolean, problems: Problems) {
  const request = duration(timeouts?.request, `${where}.timeouts.request`, problems);
  const backend = parseDuration(timeouts?.backendRequest ?? '') || undefined;
  const merged = withoutZero({ ...inheritedTimeouts(context), ...(request !== undefined && { requestMs: request }) });
  if (backend !== undefined && merged.requestMs !== undefined && backend > merged.requestMs) {
    problems.field(`${where}.timeouts.backendRequest`, 'it is longer than the timeout of the whole request, which ends first');
  }
  if (singleTry && backend !== undefined) return { ...merged, requestMs: Math.min(backend, merged.requestMs ?? Infinity) };
  return merged;
}

function duration(text: string | undefined, where: string, problems: Problems): number | undefined {
  if (text === undefined) return undefined;
  return parseDuration(text) ?? problems.field(where, `"${text}" is no duration; it is left out`);
}
