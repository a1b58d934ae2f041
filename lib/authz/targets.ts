/** Which policies are about a port of a pod. */
import type { AuthorizationPolicy } from '../../api/crds/authorization-policy.ts';
import type { Pod, SliceEndpoint } from '../kube/types.ts';
import { belongsTo } from '../mesh/pods.ts';
import { httpMatches } from '../mesh/route-matches.ts';
import type { AuthorizationSources } from './compile.ts';
import type { RequestMatch } from './model.ts';

/** `within`: only the requests of a route; undefined for all. */
export interface Aim { within: RequestMatch[] | undefined }

/** Null when the policy is not about this port of this pod; both are of one namespace. */
export function aimAt(policy: AuthorizationPolicy, pod: Pod, port: number, view: AuthorizationSources): Aim | null {
  const { kind = 'Namespace', name = '', selector = {} } = policy.spec.target ?? {};
  const whole: Aim = { within: undefined };
  switch (kind) {
    case 'Namespace': return whole;
    case 'Pod': return Object.entries(selector).every(([key, value]) => pod.metadata.labels?.[key] === value) ? whole : null;
    case 'Service': return serves(pod, port, `${pod.metadata.namespace}/${name}`, view) ? whole : null;
    case 'HTTPRoute':
    case 'GRPCRoute': return routed(kind, `${pod.metadata.namespace}/${name}`, pod, port, view);
    default: return belongsTo(pod, kind.toLowerCase(), name) ? whole : null;
  }
}

/** The route's own status tells what is wrong with it. */
const UNHEARD = { rule: () => undefined, field: () => undefined };

/** Whether the pod is an endpoint of the service at this port, ready or not; by its address where a slice that somebody wrote names no object. */
function serves(pod: Pod, port: number, service: string, view: AuthorizationSources): boolean {
  const { name, namespace = '' } = pod.metadata;
  const isPod = ({ targetRef, addresses }: SliceEndpoint): boolean => (targetRef
    ? targetRef.kind === 'Pod' && targetRef.name === name && (targetRef.namespace ?? namespace) === namespace
    : pod.status?.podIPs?.some(({ ip }) => ip === addresses[0]) ?? false);
  return view.slices(service).some((slice) =>
    (slice.ports ?? []).some((p) => p.port === port && (p.protocol ?? 'TCP') === 'TCP')
    && (slice.endpoints ?? []).some(isPod));
}

/** The requests of a route at the pods of the services that it is attached to, in the same namespace. */
function routed(kind: 'HTTPRoute' | 'GRPCRoute', key: string, pod: Pod, port: number, view: AuthorizationSources): Aim | null {
  const route = view.route(kind, key);
  if (!route || (route.kind !== 'HTTPRoute' && route.kind !== 'GRPCRoute')) return null;
  const namespace = pod.metadata.namespace ?? '';
  const parents = (route.object.spec.parentRefs ?? []).filter((p) => (p.group === '' || p.group === 'core') && p.kind === 'Service' && (p.namespace ?? namespace) === namespace);
  if (!parents.some((p) => serves(pod, port, `${namespace}/${p.name}`, view))) return null;
  if (route.kind === 'HTTPRoute') return { within: (route.object.spec.rules ?? []).flatMap((rule, i) => httpMatches(rule.matches, `spec.rules[${i}]`, UNHEARD)) };
  return { within: (route.object.spec.rules ?? []).flatMap((rule) => (rule.matches?.length ? rule.matches : [{}])).map(({ method }) => ({ method: 'POST', path: grpcPath(method?.service, method?.method) })) };
}

/** gRPC's path is /SERVICE/METHOD (gRPC over HTTP/2, "Requests"). */
function grpcPath(service: string | undefined, method: string | undefined): RequestMatch['path'] {
  if (service !== undefined && method !== undefined) return { kind: 'exact', value: `/${service}/${method}` };
  if (service !== undefined) return { kind: 'prefix', value: `/${service}` };
  return method === undefined ? { kind: 'prefix', value: '/' } : { kind: 'regex', value: `/[^/]+/${method.replaceAll(/[^\w]/g, (c) => `\\${c}`)}` };
}
