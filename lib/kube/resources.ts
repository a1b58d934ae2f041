import type { AuthorizationPolicy } from '../../api/crds/authorization-policy.ts';
import type { HttpFault } from '../../api/crds/http-fault.ts';
import { GROUP } from '../../api/names.ts';
import type { BackendTrafficPolicy, GrpcRoute, HttpRoute, ReferenceGrant, TcpRoute, TlsRoute } from './gateway-api.ts';
import type {
  ConfigMap, EndpointSlice, Event, KubeObject, Lease, Namespace, Node, Pod, Secret, Service, ServiceAccount, Workload,
} from './types.ts';

/** Where a kind lives in the API: enough to build its paths. `T` is the shape of its objects. */
export interface Resource<T extends KubeObject = KubeObject> {
  /** '' for the core group */
  group: string;
  version: string;
  plural: string;
  kind: string;
  namespaced: boolean;
  /** never set: carries T to the compiler */
  readonly shape?: T;
}

function resource<T extends KubeObject>(group: string, version: string, plural: string, kind: string, namespaced = true): Resource<T> {
  return { group, version, plural, kind, namespaced };
}

/** Routes and grants of the Gateway API. A cluster has these kinds only where its CustomResourceDefinitions were installed. */
export const GATEWAY_GROUP = 'gateway.networking.k8s.io';

export const RESOURCES = {
  namespaces: resource<Namespace>('', 'v1', 'namespaces', 'Namespace', false),
  nodes: resource<Node>('', 'v1', 'nodes', 'Node', false),
  pods: resource<Pod>('', 'v1', 'pods', 'Pod'),
  services: resource<Service>('', 'v1', 'services', 'Service'),
  configmaps: resource<ConfigMap>('', 'v1', 'configmaps', 'ConfigMap'),
  secrets: resource<Secret>('', 'v1', 'secrets', 'Secret'),
  serviceaccounts: resource<ServiceAccount>('', 'v1', 'serviceaccounts', 'ServiceAccount'),
  events: resource<Event>('', 'v1', 'events', 'Event'),
  replicationcontrollers: resource<Workload>('', 'v1', 'replicationcontrollers', 'ReplicationController'),
  endpointslices: resource<EndpointSlice>('discovery.k8s.io', 'v1', 'endpointslices', 'EndpointSlice'),
  leases: resource<Lease>('coordination.k8s.io', 'v1', 'leases', 'Lease'),
  deployments: resource<Workload>('apps', 'v1', 'deployments', 'Deployment'),
  replicasets: resource<Workload>('apps', 'v1', 'replicasets', 'ReplicaSet'),
  statefulsets: resource<Workload>('apps', 'v1', 'statefulsets', 'StatefulSet'),
  daemonsets: resource<Workload>('apps', 'v1', 'daemonsets', 'DaemonSet'),
  jobs: resource<Workload>('batch', 'v1', 'jobs', 'Job'),
  cronjobs: resource<KubeObject>('batch', 'v1', 'cronjobs', 'CronJob'),
  httproutes: resource<HttpRoute>(GATEWAY_GROUP, 'v1', 'httproutes', 'HTTPRoute'),
  grpcroutes: resource<GrpcRoute>(GATEWAY_GROUP, 'v1', 'grpcroutes', 'GRPCRoute'),
  tlsroutes: resource<TlsRoute>(GATEWAY_GROUP, 'v1', 'tlsroutes', 'TLSRoute'),
  tcproutes: resource<TcpRoute>(GATEWAY_GROUP, 'v1', 'tcproutes', 'TCPRoute'),
  referencegrants: resource<ReferenceGrant>(GATEWAY_GROUP, 'v1beta1', 'referencegrants', 'ReferenceGrant'),
  authorizationpolicies: resource<AuthorizationPolicy>(GROUP, 'v1alpha1', 'authorizationpolicies', 'AuthorizationPolicy'),
  httpfaults: resource<HttpFault>(GROUP, 'v1alpha1', 'httpfaults', 'HTTPFault'),
  xbackendtrafficpolicies: resource<BackendTrafficPolicy>('gateway.networking.x-k8s.io', 'v1alpha1', 'xbackendtrafficpolicies', 'XBackendTrafficPolicy'),
} as const;

/** `v1` or `apps/v1`. */
export function apiVersionOf(r: Resource): string {
  return r.group === '' ? r.version : `${r.group}/${r.version}`;
}

/** Path of a collection, an object or a subresource, without the server's own prefix. */
export function pathOf(r: Resource, namespace?: string, name?: string, subresource?: string): string {
  const parts = [r.group === '' ? `/api/${r.version}` : `/apis/${r.group}/${r.version}`];
  if (r.namespaced && namespace !== undefined && namespace !== '') parts.push('namespaces', encodeURIComponent(namespace));
  parts.push(r.plural);
  if (name !== undefined) parts.push(encodeURIComponent(name));
  if (subresource !== undefined) parts.push(subresource);
  return parts.join('/');
}
