import { HttpMethod_Registered, Scheme_Registered } from '../../api/gen/http_types_pb.js';
import type { ObserveRequest, ObserveRequest_Match, ObserveRequest_Match_Http } from '../../api/gen/tap_pb.js';
import type { Init } from '../../lib/grpc/wire.ts';
import { badRequest } from '../aggregated/status.ts';

/** What a caller wants to see, from the query of a tap. */
export interface TapSpec {
  /** exchanges per second, over all pods */
  maxRps: number;
  match: Init<ObserveRequest_Match>;
}

const DEFAULT_MAX_RPS = 100;
const MOST_RPS = 10_000;
const METHODS = new Map(Object.entries(HttpMethod_Registered).filter((e): e is [string, HttpMethod_Registered] => typeof e[1] === 'number'));
const SCHEMES = new Map([['http', Scheme_Registered.HTTP], ['https', Scheme_Registered.HTTPS]]);
const KNOWN = new Set(['maxRps', 'method', 'path', 'authority', 'scheme', 'toKind', 'toName', 'toNamespace', 'timeout', 'timeoutSeconds']);

/**
 * Reads the query that api/metrics-api.ts describes; conditions hold all together. `namespace` is where `toName` is looked for when the query
 * does not say. Throws ApiError 400.
 */
export function readSpec(query: URLSearchParams, namespace: string): TapSpec {
  for (const key of query.keys()) if (!KNOWN.has(key)) throw badRequest(`tap does not know "${key}"; it takes ${Array.from(KNOWN).slice(0, 8).join(', ')}`);
  const get = (key: string): string | undefined => query.get(key) || undefined;
  const matches: Init<ObserveRequest_Match>[] = [];
  const http = (match: Init<ObserveRequest_Match_Http['match']>): void => {
    matches.push({ match: { case: 'http', value: { match } } });
  };
  const label = (key: string, value: string): void => {
    matches.push({ match: { case: 'destinationLabel', value: { key, value } } });
  };

  const method = get('method')?.toUpperCase();
  if (method !== undefined) {
    const registered = METHODS.get(method);
    http({ case: 'method', value: { type: registered === undefined ? { case: 'unregistered', value: method } : { case: 'registered', value: registered } } });
  }
  const path = get('path');
  if (path !== undefined) http({ case: 'path', value: { match: { case: 'prefix', value: path } } });
  const authority = get('authority');
  if (authority !== undefined) http({ case: 'authority', value: { match: { case: 'exact', value: authority } } });
  const scheme = get('scheme');
  if (scheme !== undefined) {
    const registered = SCHEMES.get(scheme);
    if (registered === undefined) throw badRequest(`scheme "${scheme}" is not known; there are http and https`);
    http({ case: 'scheme', value: { type: { case: 'registered', value: registered } } });
  }
  const toKind = get('toKind');
  const toName = get('toName');
  if ((toKind === undefined) !== (toName === undefined)) throw badRequest('toKind and toName go together');
  if (toKind === 'namespace') label('namespace', toName!);
  else if (toKind !== undefined) {
    label(toKind, toName!);
    label('namespace', get('toNamespace') ?? namespace);
  } else if (get('toNamespace') !== undefined) label('namespace', get('toNamespace')!);

  const rps = get('maxRps') ?? String(DEFAULT_MAX_RPS);
  if (!/^\d{1,5}$/.test(rps) || Number(rps) < 1 || Number(rps) > MOST_RPS) throw badRequest(`maxRps "${rps}" is not a number from 1 to ${MOST_RPS}`);
  return { maxRps: Number(rps), match: { match: { case: 'all', value: { matches } } } };
}

/** The call to one of `pods` proxies: its share of the rate, and header fields too. A stock linkerd2-proxy refuses one without a match. */
export function observeRequest({ maxRps, match }: TapSpec, pods: number): Init<ObserveRequest> {
  return {
    limit: Math.max(1, Math.floor(maxRps / Math.max(1, pods))),
    match,
    extract: { extract: { case: 'http', value: { extract: { case: 'headers', value: {} } } } },
  };
}
