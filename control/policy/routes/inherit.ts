import { parseDuration } from '../../../lib/duration.ts';
import type { BackendTrafficPolicy, BackendRef } from '../../../lib/kube/gateway-api.ts';
import type { Filter, Timeouts } from '../outbound/model.ts';
import { defined } from '../../../lib/traffic/read.ts';
import { BUDGET_DEFAULTS } from '../../../lib/traffic/retry.ts';
import type { RetrySettings } from '../../../lib/traffic/retry.ts';
import type { RouteContext } from './context.ts';

/** What rules take over: the route's annotations, over those of the service, over the traffic policies of service and backends. */
export type Inherited = Pick<RouteContext, 'service' | 'view' | 'serviceSettings'> & Partial<Pick<RouteContext, 'routeSettings' | 'namespace'>>;

export function inheritedRetry(context: Inherited, refs: readonly BackendRef[] = []): RetrySettings {
  const { metadata } = context.service;
  const own = context.namespace ?? metadata.namespace;
  const keys = [`${metadata.namespace}/${metadata.name}`, ...refs.map(({ namespace, name }) => `${namespace ?? own}/${name}`)];
  const policy = keys.flatMap((key) => context.view.trafficPolicies(key)).find(({ spec }) => spec.retryConstraint);
  return { ...(policy && budgetOf(policy)), ...context.serviceSettings.retry, ...context.routeSettings?.retry };
}

export function inheritedTimeouts(context: Inherited): Timeouts {
  return { ...context.serviceSettings.timeouts, ...context.routeSettings?.timeouts };
}

/** Faults come first: what they hold or end goes no further. */
export function faultFilters(context: Inherited): Filter[] {
  const fault = context.routeSettings?.fault ?? context.serviceSettings.fault;
  return fault ? [{ kind: 'fault', fault }] : [];
}

/** Zero is no timeout. */
export function withoutZero(timeouts: Timeouts): Timeouts {
  return Object.fromEntries(Object.entries(timeouts).filter(([, ms]) => ms !== 0));
}

/** XBackendTrafficPolicy's retryConstraint: a share of the requests of an interval, and a rate that is always allowed. */
function budgetOf({ spec }: BackendTrafficPolicy): RetrySettings {
  const { budget, minRetryRate } = spec.retryConstraint ?? {};
  const interval = parseDuration(minRetryRate?.interval ?? '1s') || 1000;
  return defined({
    budgetRatio: budget?.percent === undefined ? BUDGET_DEFAULTS.ratio : budget.percent / 100,
    budgetWindowMs: parseDuration(budget?.interval ?? '') ?? BUDGET_DEFAULTS.windowMs,
    budgetMinPerSecond: minRetryRate?.count === undefined ? BUDGET_DEFAULTS.minPerSecond : Math.max(1, Math.round((minRetryRate.count * 1000) / interval)),
  });
}
