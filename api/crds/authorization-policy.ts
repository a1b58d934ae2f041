/** AuthorizationPolicy: who may do what with the pods of a namespace, a workload, a Service or a route. Enforced by the proxy of the server. */
import type { Condition, KubeObject } from '../../lib/kube/types.ts';
import { definition, list, NAME, object, oneOf, rule, rules, text, whole, type Schema } from './schema.ts';

export const WORKLOAD_TARGETS = ['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'Job', 'CronJob'] as const;
export const ROUTE_TARGETS = ['HTTPRoute', 'GRPCRoute'] as const;
const TARGETS = ['Namespace', 'Pod', 'Service', ...WORKLOAD_TARGETS, ...ROUTE_TARGETS] as const;
export const ACTIONS = ['Allow', 'Deny', 'Audit'] as const;
export const PATH_TYPES = ['Exact', 'Prefix', 'RegularExpression'] as const;

export interface AuthorizationTarget {
  /** in the policy's own namespace */
  kind: (typeof TARGETS)[number];
  /** for every kind but Namespace and Pod */
  name?: string;
  /** for Pod: its labels */
  selector?: Record<string, string>;
}

/** Clients: by who they are (any of identities, serviceAccounts, namespaces; nobody named is everybody), and by where they are. */
export interface AuthorizationSource {
  /** mesh identities, `*` as the whole of the first labels: `*.shop.serviceaccount.identity.mesh-system.cluster.local`; `*` is everybody with one */
  identities?: string[];
  serviceAccounts?: { name: string; namespace?: string }[];
  namespaces?: string[];
  cidrs?: string[];
  exceptCidrs?: string[];
}

/** Requests: all that is given has to hold, any of the values of each. */
export interface AuthorizationOperation {
  /** of the pod */
  ports?: number[];
  methods?: string[];
  paths?: { type?: (typeof PATH_TYPES)[number]; value: string }[];
}

export interface AuthorizationPolicySpec {
  target?: AuthorizationTarget;
  action?: (typeof ACTIONS)[number];
  /** any one of them; absent or empty is every client, with an identity or without */
  from?: AuthorizationSource[];
  /** any one of them; absent or empty is everything */
  to?: AuthorizationOperation[];
}

export interface AuthorizationPolicyStatus {
  conditions?: (Condition & { observedGeneration?: number })[];
  /** the last form that could be followed: in force while the present one cannot; `spec` as JSON, so that a merge patch replaces it whole */
  lastGood?: { generation: number; spec: string };
}

export type AuthorizationPolicy = KubeObject & { spec: AuthorizationPolicySpec; status?: AuthorizationPolicyStatus };

const SOURCE: Schema = object('Clients: all that is given has to hold; without any identity, ServiceAccount or namespace, everybody.', {
  identities: list('Identities in the mesh; "*" is everybody who has one, and "*.rest" everybody whose identity ends so.', text('An identity.', { minLength: 1, maxLength: 512, pattern: '^(\\*|(\\*\\.)?[^*]+)$' }), 64),
  serviceAccounts: list('ServiceAccounts of clients.', object('A ServiceAccount.', { name: text('Its name.', NAME), namespace: text('Its namespace; that of the policy when absent.', NAME) }, { required: ['name'] }), 64),
  namespaces: list('Namespaces of clients.', text('A namespace.', NAME), 64),
  cidrs: list('Networks that the client has to be in.', text('A network such as 10.0.0.0/8, or an address.', { minLength: 2, maxLength: 64 }), 64),
  exceptCidrs: list('Networks that it must not be in.', text('A network such as 10.0.0.0/8, or an address.', { minLength: 2, maxLength: 64 }), 64),
}, { minProperties: 1 });

const OPERATION: Schema = object('Requests: all that is given has to hold, any of the values of each.', {
  ports: list('Ports of the pod.', whole('A port.', 1, 65_535), 32),
  methods: list('HTTP methods.', text('A method in upper case.', { minLength: 1, maxLength: 32, pattern: '^[A-Z][A-Z-]*$' }), 16),
  paths: list('Paths of requests.', object('A path.', {
    type: oneOf('How the value is meant. Prefix counts whole segments.', PATH_TYPES, { default: 'Exact' }),
    value: text('The path, or a regular expression for the whole of it.', { minLength: 1, maxLength: 1024 }),
  }, { required: ['value'], ...rules(rule("self.type == 'RegularExpression' || self.value.startsWith('/')", 'a path begins with /', '.value')) }), 32),
}, { minProperties: 1 });

const TARGET: Schema = object('What is protected, in the namespace of the policy.', {
  kind: oneOf('Its kind.', TARGETS, { default: 'Namespace' }),
  name: text('Its name; not for Namespace and Pod.', NAME),
  selector: { type: 'object', description: 'Labels of pods, for Pod.', additionalProperties: { type: 'string', maxLength: 63 }, maxProperties: 16 },
}, rules(
  rule("(self.kind in ['Namespace', 'Pod']) != has(self.name)", 'name has to be given for every kind but Namespace and Pod, and not for those'),
  rule("(self.kind == 'Pod') == has(self.selector)", 'selector has to be given for Pod, and for nothing else'),
));

const SPEC: Schema = object('Who may do what.', {
  // The API server holds a default to the rules before it fills in defaults below it.
  target: { ...TARGET, default: { kind: 'Namespace' } },
  action: oneOf('Allow lets pass, and nobody else may then; Deny refuses, whatever allows; Audit lets pass what nothing allows, and counts it.', ACTIONS, { default: 'Allow' }),
  from: list('Clients; any one of them. Absent: every client, with an identity or without.', SOURCE, 32),
  to: list('Requests; any one of them. Absent: everything.', OPERATION, 32),
});

export const AUTHORIZATION_POLICY_CRD = definition('AuthorizationPolicy', 'authorizationpolicies', 'Who may do what with the pods of a namespace, a workload, a Service or a route.', SPEC, [
  { name: 'Target', type: 'string', jsonPath: '.spec.target.kind' },
  { name: 'Name', type: 'string', jsonPath: '.spec.target.name' },
  { name: 'Action', type: 'string', jsonPath: '.spec.action' },
  { name: 'Accepted', type: 'string', jsonPath: '.status.conditions[?(@.type=="Accepted")].status' },
  { name: 'Message', type: 'string', jsonPath: '.status.conditions[?(@.type=="Accepted")].message', priority: 1 },
], ['authzpol'], {
  lastGood: object('The last form that could be followed: in force while the present one cannot.', {
    generation: { type: 'integer', format: 'int64', minimum: 0 },
    spec: text('Its spec as JSON.'),
  }, { required: ['generation', 'spec'] }),
});
