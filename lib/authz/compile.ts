/** What holds for one port of a pod: from the AuthorizationPolicies about it, the pod, its namespace and the mesh's configuration. */
import type { MeshConfig } from '../../api/config.ts';
import type { AuthorizationPolicy } from '../../api/crds/authorization-policy.ts';
import { PORTS } from '../../api/ports.ts';
import type { GrpcRoute, HttpRoute } from '../kube/gateway-api.ts';
import type { EndpointSlice, Pod } from '../kube/types.ts';
import { annotation, isOpaquePort, namedPorts, runsStockProxy } from '../mesh/pods.ts';
import { portSet } from '../mesh/port-set.ts';
import type { Namespaces } from '../mesh/pods.ts';
import type { Authorization, InboundPolicy, InboundRoute, RequestMatch } from './model.ts';
import { ALL_NETWORKS, defaultAuthorizations, isDefaultPolicy, requiringIdentity } from './default-policy.ts';
import type { DefaultPolicy } from './default-policy.ts';
import { probeRequests } from './probes.ts';
import { aimAt } from './targets.ts';

/** A route that a policy may target; of other kinds nothing is asked. */
export type AimedRoute = { kind: 'HTTPRoute'; object: HttpRoute } | { kind: 'GRPCRoute'; object: GrpcRoute } | { kind: 'TLSRoute' | 'TCPRoute' };

/** What has to be known of the cluster; keys are namespace/name. The control plane has it from its watches, the plugin from lists. */
export interface AuthorizationSources extends Namespaces {
  slices(serviceKey: string): EndpointSlice[];
  route(kind: 'HTTPRoute' | 'GRPCRoute', key: string): AimedRoute | undefined;
  /** those of a namespace, by name */
  authorizationPolicies(namespace: string): AuthorizationPolicy[];
}

/** The form of each policy that can be followed, and what it asks of a port. */
export interface FollowedPolicies {
  /** the policy as it can be followed; undefined for one that never could */
  of(policy: AuthorizationPolicy): AuthorizationPolicy | undefined;
  /** what a policy that `of` gave asks of a port; [] for none */
  authorizations(policy: AuthorizationPolicy, port: number, within: readonly RequestMatch[] | undefined): Authorization[];
}

export type PolicyConfig = Pick<MeshConfig, 'clusterNetworks'> & { proxy: Pick<MeshConfig['proxy'], 'defaultInboundPolicy' | 'opaquePorts'> };

/** How long a proxy waits for a client's first bytes before it takes a connection for opaque; Linkerd's value. */
export const DETECT_TIMEOUT_MS = 10_000;

/** The policy of one port of a pod. */
export function compileInbound(pod: Pod, port: number, view: AuthorizationSources, config: PolicyConfig, policies: FollowedPolicies): InboundPolicy {
  const { name } = defaultPolicyOf(pod, port, view, config);
  const proxys = isProxys(port);
  const probes = probeRequests(pod, port);
  const probeRoute: InboundRoute = {
    reference: { kind: 'default', name: 'probe' },
    authorizations: [{ reference: { kind: 'default', name: 'probe' }, networks: ALL_NETWORKS, clients: { kind: 'anybody' } }],
    matches: probes,
  };
  const defaults = defaultAuthorizations(name, config.clusterNetworks);
  const found = authorizations(pod, port, view, policies, defaults);
  const everything: InboundRoute = {
    reference: { kind: 'default', name: 'default' },
    authorizations: [],
    matches: [{ path: { kind: 'prefix', value: '/' } }],
  };
  return {
    reference: { kind: 'default', name },
    protocol: !proxys && isOpaquePort(pod, port, view, config) ? 'opaque' : 'detect',
    detectTimeoutMs: DETECT_TIMEOUT_MS,
    authorizations: proxys ? defaults : runsStockProxy(pod) ? plain(found) : found,
    routes: probes.length > 0 ? [probeRoute, everything] : [everything],
    ...(!proxys && rateLimitOf(pod, view)),
  };
}

/** An annotation that is no number is passed over: the injector tells about it. */
function rateLimitOf(pod: Pod, view: Namespaces): Pick<InboundPolicy, 'rateLimit'> {
  const [total, perClient] = (['rate-limit', 'rate-limit-per-client'] as const).map((key) => requestsPerSecond(annotation(pod, key, view) ?? ''));
  if (total === undefined && perClient === undefined) return {};
  return { rateLimit: { ...(total !== undefined && { total }), ...(perClient !== undefined && { perClient }) } };
}

const MAX_REQUESTS_PER_SECOND = 1_000_000;

/** A whole number above zero; undefined for anything else. */
export function requestsPerSecond(text: string): number | undefined {
  const value = /^\d{1,7}$/.test(text.trim()) ? Number(text.trim()) : 0;
  return value > 0 && value <= MAX_REQUESTS_PER_SECOND ? value : undefined;
}

/** Where a policy allows somebody, nobody else may: the default policy is for ports that no Allow is about. */
function authorizations(pod: Pod, port: number, view: AuthorizationSources, policies: FollowedPolicies, defaults: Authorization[]): Authorization[] {
  const found = view.authorizationPolicies(pod.metadata.namespace ?? '').flatMap((policy) => {
    const good = policies.of(policy);
    const aim = good && aimAt(good, pod, port, view);
    return aim ? policies.authorizations(good, port, aim.within) : [];
  });
  return found.some((one) => one.action === 'allow') ? found : [...found, ...defaults];
}

/**
 * For a stock linkerd2-proxy, which does not know actions and conditions and would take every authorization for one that allows: nobody may where it cannot be said
 * who may not, and what allows some requests only allows none.
 */
function plain(authorizations: Authorization[]): Authorization[] {
  if (authorizations.some((one) => one.action === 'deny')) return [];
  return authorizations.filter((one) => one.requests === undefined);
}

function isProxys(port: number): boolean {
  return port === PORTS.admin || port === PORTS.tap;
}

/** The default policy of a pod's port, and who chose it. An annotation that is no policy is passed over: the injector tells about it. */
export function defaultPolicyOf(pod: Pod, port: number, view: Namespaces, config: PolicyConfig): { name: DefaultPolicy; chosenBy: 'annotation' | 'install' } {
  const chosen = defaultPolicyOfPod(pod, view, config);
  const strict = annotation(pod, 'proxy-require-identity-inbound-ports', view) ?? '';
  if (strict === '' || isProxys(port) || !portSet(strict, namedPorts(pod))(port)) return chosen;
  return { name: requiringIdentity(chosen.name), chosenBy: 'annotation' };
}

function defaultPolicyOfPod(pod: Pod, view: Namespaces, config: PolicyConfig): { name: DefaultPolicy; chosenBy: 'annotation' | 'install' } {
  const wanted = annotation(pod, 'default-inbound-policy', view)?.trim();
  if (wanted !== undefined && isDefaultPolicy(wanted)) return { name: wanted, chosenBy: 'annotation' };
  return { name: config.proxy.defaultInboundPolicy as DefaultPolicy, chosenBy: 'install' };
}
