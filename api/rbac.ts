import { METRICS_GROUP } from './metrics-api.ts';
import {
  ANCHORS_CONFIG_MAP, CANARY_WORKLOAD, CONFIG_MAP, GROUP, IDENTITY_STATUS_CONFIG_MAP, IDENTITY_WORKLOAD,
  ISSUER_SECRET, POLICY_SETTINGS_CONFIG_MAP, ROOT_SECRET, SERVICES, SERVING_SECRET, VALIDATOR_CONFIGURATION, WEBHOOK_CONFIGURATION,
} from './names.ts';
import { API_SERVICES } from './webhooks.ts';

/** One rule of a Role or ClusterRole (rbac.authorization.k8s.io/v1). */
export interface PolicyRule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
  resourceNames?: string[];
}

/** Services of the control plane that talk to the API server. */
export const RBAC_SERVICES = ['identity', 'destination', 'policy', 'anchors', 'injector', 'metrics', 'tap', 'canary'] as const;
export type RbacService = (typeof RBAC_SERVICES)[number];

const READ = ['get', 'list', 'watch'];
const read = (apiGroup: string, ...resources: string[]): PolicyRule => ({ apiGroups: [apiGroup], resources, verbs: READ });
const write = (apiGroup: string, resource: string, name: string, ...verbs: string[]): PolicyRule => ({
  apiGroups: [apiGroup],
  resources: [resource],
  resourceNames: [name],
  verbs,
});
const EVENTS: PolicyRule = { apiGroups: ['', 'events.k8s.io'], resources: ['events'], verbs: ['create', 'patch'] };
const ROUTES = ['httproutes', 'grpcroutes', 'tlsroutes', 'tcproutes'];
const WORKLOADS = [
  read('', 'replicationcontrollers'),
  read('apps', 'deployments', 'replicasets', 'statefulsets', 'daemonsets'),
  read('batch', 'jobs', 'cronjobs'),
];

/**
 * What each service needs in the whole cluster (ClusterRole). A name-restricted list or watch is granted by the API server only when the
 * request carries fieldSelector metadata.name=NAME, which lib/kube's watch does.
 */
export const RBAC: Record<RbacService, PolicyRule[]> = {
  identity: [
    { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
    EVENTS,
    // a rotation asks every proxy whether it has followed
    { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
  ],
  destination: [read('', 'services', 'pods', 'nodes', 'namespaces'), read('discovery.k8s.io', 'endpointslices')],
  policy: [
    read('', 'services', 'pods', 'nodes', 'namespaces'),
    read('discovery.k8s.io', 'endpointslices'),
    read('gateway.networking.k8s.io', ...ROUTES, 'referencegrants'),
    read('gateway.networking.x-k8s.io', 'xbackendtrafficpolicies'),
    read(GROUP, 'authorizationpolicies', 'httpfaults'),
    { apiGroups: [GROUP], resources: ['authorizationpolicies/status', 'httpfaults/status'], verbs: ['patch'] },
    { apiGroups: ['gateway.networking.x-k8s.io'], resources: ['xbackendtrafficpolicies/status'], verbs: ['patch'] },
    { apiGroups: ['gateway.networking.k8s.io'], resources: ROUTES.map((one) => `${one}/status`), verbs: ['patch'] },
    EVENTS,
  ],
  anchors: [
    read('', 'namespaces'),
    write('', 'configmaps', ANCHORS_CONFIG_MAP, ...READ, 'patch', 'delete'),
    { apiGroups: [''], resources: ['configmaps'], verbs: ['create'] },
  ],
  injector: [
    read('', 'namespaces', 'pods'),
    // a namespace's inject annotation is mirrored into its label, where selectors see it
    { apiGroups: [''], resources: ['namespaces'], verbs: ['patch'] },
    ...WORKLOADS,
    EVENTS,
    write('admissionregistration.k8s.io', 'mutatingwebhookconfigurations', WEBHOOK_CONFIGURATION, ...READ, 'update', 'patch'),
    write('admissionregistration.k8s.io', 'validatingwebhookconfigurations', VALIDATOR_CONFIGURATION, ...READ, 'update', 'patch'),
  ],
  metrics: [read('', 'pods', 'namespaces', 'services'), ...WORKLOADS, ...aggregated()],
  tap: [read('', 'pods', 'namespaces', 'services'), ...WORKLOADS, ...aggregated()],
  canary: [
    read(GROUP, 'canaries'),
    { apiGroups: [GROUP], resources: ['canaries/status'], verbs: ['patch'] },
    // a canary is a Deployment, a Service and a route of its own, and in the end a new image for the Deployment on trial
    { apiGroups: ['apps'], resources: ['deployments'], verbs: ['get', 'create', 'patch', 'delete'] },
    { apiGroups: [''], resources: ['services'], verbs: ['get', 'create', 'patch', 'delete'] },
    { apiGroups: ['gateway.networking.k8s.io'], resources: ['httproutes'], verbs: ['get', 'list', 'create', 'patch', 'delete'] },
    // objects are owned by their Canary, which the API server lets only those say who may finalize it
    { apiGroups: [GROUP], resources: ['canaries/finalizers'], verbs: ['update'] },
    { apiGroups: [METRICS_GROUP], resources: ['trafficmetrics'], verbs: ['list'] },
    EVENTS,
  ],
};

/** What each service needs in the control namespace only (Role). */
export const RBAC_OWN_NAMESPACE: Record<RbacService, PolicyRule[]> = {
  identity: [
    // the only place where the keys of the mesh may be read
    write('', 'secrets', ISSUER_SECRET, ...READ, 'update'),
    write('', 'secrets', ROOT_SECRET, 'get', 'update'),
    write('', 'configmaps', ANCHORS_CONFIG_MAP, ...READ, 'update'),
    write('', 'configmaps', IDENTITY_STATUS_CONFIG_MAP, ...READ, 'patch'),
    write('', 'configmaps', CONFIG_MAP, ...READ),
    ...lease(IDENTITY_WORKLOAD),
  ],
  destination: [write('', 'configmaps', CONFIG_MAP, ...READ)],
  policy: [write('', 'configmaps', CONFIG_MAP, ...READ), write('', 'configmaps', POLICY_SETTINGS_CONFIG_MAP, ...READ, 'patch'), ...lease(SERVICES.policy)],
  anchors: lease(ANCHORS_CONFIG_MAP),
  injector: [...servingSecret(), write('', 'configmaps', CONFIG_MAP, ...READ), ...lease(SERVICES.webhook)],
  metrics: servingSecret(),
  tap: servingSecret(),
  canary: lease(CANARY_WORKLOAD),
};

/** Roles that Kubernetes brings and a service must be bound to: the front proxy's CA is read from kube-system (aggregated APIs). */
export const RBAC_BUILTIN_ROLES: Record<RbacService, { namespace: string; role: string }[]> = {
  identity: [],
  destination: [],
  policy: [],
  anchors: [],
  injector: [],
  metrics: [{ namespace: 'kube-system', role: 'extension-apiserver-authentication-reader' }],
  tap: [{ namespace: 'kube-system', role: 'extension-apiserver-authentication-reader' }],
  canary: [],
};

/** An aggregated API asks the API server whether the user that the front proxy names may do it, and tells it whose certificate to trust. */
function aggregated(): PolicyRule[] {
  return [
    { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
    ...API_SERVICES.map((name) => write('apiregistration.k8s.io', 'apiservices', name, ...READ, 'patch')),
  ];
}

/** Leader election by a Lease of this name (lib/kube/lease.ts). */
function lease(name: string): PolicyRule[] {
  return [write('coordination.k8s.io', 'leases', name, 'get', 'update'), { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create'] }];
}

/** The serving certificate of webhooks and aggregated APIs, which any of them may be the first to make. */
function servingSecret(): PolicyRule[] {
  return [write('', 'secrets', SERVING_SECRET, ...READ, 'update', 'patch'), { apiGroups: [''], resources: ['secrets'], verbs: ['create'] }];
}

/** Rules of several services as one list without repeats: rules alike but for their resources are joined. */
export function rulesOf(services: readonly RbacService[], table: Record<RbacService, PolicyRule[]> = RBAC): PolicyRule[] {
  const merged = new Map<string, PolicyRule>();
  for (const rule of services.flatMap((service) => table[service])) {
    const key = JSON.stringify([rule.apiGroups, rule.verbs, rule.resourceNames]);
    const known = merged.get(key);
    if (known) known.resources = [...new Set([...known.resources, ...rule.resources])];
    else merged.set(key, { ...rule, resources: [...rule.resources] });
  }
  return [...merged.values()];
}
