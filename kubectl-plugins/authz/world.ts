/** What the decision is made of, read from the cluster: the same objects that the control plane watches. */
import type { MeshConfig } from '../../api/config.ts';
import type { AuthorizationPolicy } from '../../api/crds/authorization-policy.ts';
import { CONFIG_MAP, DEFAULT_CONTROL_NAMESPACE, LABELS } from '../../api/names.ts';
import { authorizationProblem, authorizationsOf, lastGoodForm } from '../../lib/authz/authorizations.ts';
import type { AimedRoute, AuthorizationSources, FollowedPolicies } from '../../lib/authz/compile.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { KubeError } from '../../lib/kube/error.ts';
import type { Resource } from '../../lib/kube/resources.ts';
import type { EndpointSlice, KubeObject, Pod } from '../../lib/kube/types.ts';
import { belongsTo } from '../../lib/mesh/pods.ts';
import { CliError } from '../shared/errors.ts';
import { EXIT } from '../shared/exit.ts';
import { find, readConfig } from '../shared/installed.ts';
import { KINDS } from '../shared/kinds.ts';
import { injectedPods } from '../shared/workloads.ts';
import type { AuthzOptions } from './options.ts';

export interface World extends AuthorizationSources {
  config: MeshConfig;
  policies: AuthorizationPolicy[];
  followed: FollowedPolicies;
  /** policies that cannot be followed as they are, and why */
  broken: { name: string; problem: string }[];
  /** meshed pods of the workload */
  pods: Pod[];
}

const SERVICE_OF = 'kubernetes.io/service-name';

export async function readWorld(kube: KubeClient, namespace: string, { workload }: AuthzOptions, signal: AbortSignal): Promise<World> {
  const [config, own, all, policies] = await Promise.all([
    readMesh(kube, signal),
    find(kube, KINDS.namespaces, { name: namespace }, signal),
    injectedPods(kube, { namespace, signal }),
    listOf(kube, KINDS.authorizationpolicies, namespace, signal),
  ]);
  const targets = new Set(policies.map((policy) => policy.spec.target?.kind));
  const [slices, http, grpc] = await Promise.all([
    workload.kind === 'service' || targets.has('Service') || targets.has('HTTPRoute') || targets.has('GRPCRoute') ? listOf(kube, KINDS.endpointslices, namespace, signal) : [],
    targets.has('HTTPRoute') ? listOf(kube, KINDS.httproutes, namespace, signal) : [],
    targets.has('GRPCRoute') ? listOf(kube, KINDS.grpcroutes, namespace, signal) : [],
  ]);
  const routes = new Map<string, AimedRoute>([
    ...http.map((object) => [`HTTPRoute ${keyOf(object)}`, { kind: 'HTTPRoute', object }] as const),
    ...grpc.map((object) => [`GRPCRoute ${keyOf(object)}`, { kind: 'GRPCRoute', object }] as const),
  ]);
  const sliced = Map.groupBy(slices, (slice) => `${slice.metadata.namespace}/${slice.metadata.labels?.[SERVICE_OF]}`);
  const problems = new Map(policies.map((policy) => [policy, authorizationProblem(policy, config)]));
  const byName = policies.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const pods = all.filter((pod) => isOf(pod, workload, sliced.get(`${namespace}/${workload.name}`) ?? []));
  if (pods.length === 0) throw await noPods(kube, namespace, workload, signal);
  return {
    config, policies: byName, pods,
    broken: byName.flatMap((policy) => (problems.get(policy) === undefined ? [] : [{ name: policy.metadata.name, problem: problems.get(policy)! }])),
    followed: {
      of: (policy) => (problems.get(policy) === undefined ? policy : lastGoodForm(policy, config)),
      authorizations: (policy, port, within) => authorizationsOf(policy, port, within, config),
    },
    namespace: (name) => (name === namespace ? own : undefined),
    slices: (service) => sliced.get(service) ?? [],
    route: (kind, key) => routes.get(`${kind} ${key}`),
    authorizationPolicies: () => byName,
  };
}

const keyOf = (object: KubeObject): string => `${object.metadata.namespace}/${object.metadata.name}`;

function isOf(pod: Pod, { kind, name }: AuthzOptions['workload'], slices: readonly EndpointSlice[]): boolean {
  if (kind === 'pod') return pod.metadata.name === name;
  if (kind === 'service') return slices.some((slice) => endpointOf(pod, slice));
  return belongsTo(pod, kind, name);
}

export function endpointOf(pod: Pod, slice: EndpointSlice): boolean {
  return (slice.endpoints ?? []).some((e) => e.targetRef?.kind === 'Pod' && e.targetRef.name === pod.metadata.name);
}

async function readMesh(kube: KubeClient, signal: AbortSignal): Promise<MeshConfig> {
  const config = readConfig(await find(kube, KINDS.configmaps, { name: CONFIG_MAP, namespace: DEFAULT_CONTROL_NAMESPACE }, signal));
  if (config?.proxy === undefined || config.clusterNetworks === undefined) {
    throw new CliError(`The mesh is not installed in this cluster: there is no usable ConfigMap ${CONFIG_MAP} in namespace ${DEFAULT_CONTROL_NAMESPACE}. Install it with "kubectl mesh install".`, EXIT.failed);
  }
  return config as MeshConfig;
}

/** [] for a kind that the cluster does not have. */
async function listOf<T extends KubeObject>(kube: KubeClient, resource: Resource<T>, namespace: string, signal: AbortSignal): Promise<T[]> {
  try {
    return await kube.list(resource, { namespace, signal });
  } catch (error) {
    if (error instanceof KubeError && error.status === 404) return [];
    throw error;
  }
}

async function noPods(kube: KubeClient, namespace: string, { kind, short, name }: AuthzOptions['workload'], signal: AbortSignal): Promise<CliError> {
  const all = await kube.list(KINDS.pods, { namespace, signal });
  const unmeshed = all.filter((pod) => pod.metadata.labels?.[LABELS.controlPlaneNs] === undefined && (kind === 'pod' ? pod.metadata.name === name : belongsTo(pod, kind, name)));
  if (unmeshed.length > 0) return new CliError(`${short}/${name} in namespace ${namespace} is not meshed: none of its pods has the proxy, so nothing is enforced and everybody may call it. Mesh it with "kubectl mesh inject".`, EXIT.failed);
  return new CliError(`There are no meshed pods of ${short}/${name} in namespace ${namespace}. See what is there with: kubectl get pods -n ${namespace}`, EXIT.failed);
}
