import { GROUP } from './names.ts';

/**
 * Annotation keys and their Linkerd aliases: own name first, alias understood wherever the own one is absent.
 * `config.<key>` keys are `kubectl-mesh.io/<key>` with alias `config.linkerd.io/<key>`.
 */
export const INJECT = `${GROUP}/inject`;
export const INJECT_ALIAS = 'linkerd.io/inject';
/** Written on injected pods. */
export const CREATED_BY = `${GROUP}/created-by`;
export const PROXY_VERSION = `${GROUP}/proxy-version`;

export const CONFIG_KEYS = [
  'proxy-image', 'proxy-version', 'image-pull-policy', 'control-port', 'admin-port', 'inbound-port', 'outbound-port',
  'skip-inbound-ports', 'skip-outbound-ports', 'skip-subnets', 'opaque-ports', 'proxy-cpu-request', 'proxy-cpu-limit',
  'proxy-memory-request', 'proxy-memory-limit', 'proxy-uid', 'proxy-log-level', 'shutdown-grace-period', 'default-inbound-policy',
  'proxy-outbound-connect-timeout', 'proxy-inbound-connect-timeout', 'access-log', 'via', 'proxy-gid', 'redirect-inbound-ports', 'pod-inbound-ports',
  'close-wait-timeout', 'iptables-mode', 'redirect-ipv6', 'proxy-log-format', 'proxy-admin-shutdown', 'proxy-await', 'proxy-ephemeral-storage-request',
  'proxy-ephemeral-storage-limit', 'proxy-outbound-discovery-cache-unused-timeout', 'proxy-inbound-discovery-cache-unused-timeout',
  'proxy-disable-outbound-protocol-detect-timeout', 'proxy-disable-inbound-protocol-detect-timeout', 'proxy-additional-env',
  'proxy-require-identity-inbound-ports',
  'rate-limit', 'rate-limit-per-client', 'trace-collector', 'trace-collector-identity',
] as const;
export type ConfigKey = (typeof CONFIG_KEYS)[number];

/** Keys of traffic settings on Services and routes, `kubectl-mesh.io/<key>`, with Linkerd's key of the same meaning where there is one. */
export const TRAFFIC_KEYS = {
  'retry-http': 'retry.linkerd.io/http',
  'retry-grpc': 'retry.linkerd.io/grpc',
  'retry-methods': undefined,
  'retry-limit': 'retry.linkerd.io/limit',
  'retry-timeout': 'retry.linkerd.io/timeout',
  'retry-backoff-base': undefined,
  'retry-backoff-max': undefined,
  'retry-backoff-jitter': undefined,
  'retry-budget-ratio': undefined,
  'retry-budget-min-per-second': undefined,
  'retry-budget-window': undefined,
  'timeout-request': 'timeout.linkerd.io/request',
  'timeout-response': 'timeout.linkerd.io/response',
  'timeout-idle': 'timeout.linkerd.io/idle',
  'circuit-breaker': 'balancer.linkerd.io/failure-accrual',
  'circuit-breaker-max-failures': 'balancer.linkerd.io/failure-accrual-consecutive-max-failures',
  'circuit-breaker-min-penalty': 'balancer.linkerd.io/failure-accrual-consecutive-min-penalty',
  'circuit-breaker-max-penalty': 'balancer.linkerd.io/failure-accrual-consecutive-max-penalty',
  'circuit-breaker-jitter': 'balancer.linkerd.io/failure-accrual-consecutive-jitter-ratio',
  'circuit-breaker-success-rate': 'balancer.alpha.linkerd.io/failure-accrual-success-rate-threshold',
  'circuit-breaker-window': 'balancer.alpha.linkerd.io/failure-accrual-window',
  'circuit-breaker-min-requests': 'balancer.alpha.linkerd.io/failure-accrual-min-requests',
  'circuit-breaker-honor-retry-after': 'balancer.alpha.linkerd.io/failure-accrual-honor-retry-after',
  'circuit-breaker-min-endpoints': undefined,
  'penalize-failures': 'balancer.alpha.linkerd.io/penalize-failures',
  'penalize-failures-penalty': 'balancer.alpha.linkerd.io/load-biaser-penalty',
  'penalize-failures-max-retry-after': 'balancer.alpha.linkerd.io/load-biaser-max-retry-after',
  failover: undefined,
  'session-affinity': undefined,
  'session-affinity-path': undefined,
  'session-affinity-ttl': undefined,
  'slow-start': undefined,
  'fault-delay': undefined,
  'fault-delay-percent': undefined,
  'fault-abort': undefined,
  'fault-abort-percent': undefined,
  'fault-until': undefined,
} as const satisfies Record<string, string | undefined>;
export type TrafficKey = keyof typeof TRAFFIC_KEYS;

/** A traffic annotation of an object, under the key that it was written with; undefined when there is none. */
export function trafficAnnotation(metadata: Annotated, key: TrafficKey): { key: string; value: string } | undefined {
  for (const name of [`${GROUP}/${key}`, TRAFFIC_KEYS[key]]) {
    const value = name === undefined ? undefined : metadata?.annotations?.[name];
    if (value !== undefined) return { key: name!, value };
  }
  return undefined;
}

const TRAFFIC_NAMES = new Set(Object.entries(TRAFFIC_KEYS).flatMap(([key, alias]) => [`${GROUP}/${key}`, alias]));

/** Whether any traffic annotation is there. */
export function hasTrafficSettings(metadata: Annotated): boolean {
  return Object.keys(metadata?.annotations ?? {}).some((key) => TRAFFIC_NAMES.has(key));
}

type Annotated = { annotations?: Record<string, string> | undefined } | undefined;

/** Value of a config annotation on an object's metadata, or undefined. */
export function configAnnotation(metadata: Annotated, key: ConfigKey): string | undefined {
  const a = metadata?.annotations;
  return a?.[`${GROUP}/${key}`] ?? a?.[`config.linkerd.io/${key}`];
}

/** Value of the inject annotation (or namespace label) on an object's metadata, and the key that gave it. */
export function injectAnnotation(metadata: { annotations?: Record<string, string> | undefined; labels?: Record<string, string> | undefined } | undefined): { key: string; value: string } | undefined {
  for (const key of [INJECT, INJECT_ALIAS]) {
    const value = metadata?.annotations?.[key] ?? metadata?.labels?.[key];
    if (value !== undefined) return { key, value };
  }
  return undefined;
}
