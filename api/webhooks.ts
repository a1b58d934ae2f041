import { INJECT, INJECT_ALIAS } from './annotations.ts';
import { GROUP, LABELS, PART_OF, SERVICES, VALIDATOR_CONFIGURATION, WEBHOOK_CONFIGURATION } from './names.ts';
import { METRICS_GROUP, METRICS_VERSION, TAP_GROUP, TAP_VERSION } from './metrics-api.ts';

/**
 * Written on objects whose inject annotation was carried elsewhere (into a pod template, or on a namespace into its label): a comma-separated
 * list of `key=value` as carried, so that a removal takes away that and nothing a person wrote.
 */
export const INJECT_CARRIED = `${GROUP}/inject-carried`;

/** Value `disabled` of this label on a namespace keeps every webhook of the mesh away from it; so does Linkerd's label. */
export const ADMISSION_LABEL = `${GROUP}/admission-webhooks`;
const ADMISSION_LABEL_ALIAS = 'config.linkerd.io/admission-webhooks';

export const INJECT_PATH = '/inject';
export const ANNOTATE_PATH = '/annotate';
export const VALIDATE_PATH = '/validate';

/** Names of the webhooks in the configuration, in their order. */
export const WEBHOOKS = {
  pod: `pod.inject.${GROUP}`,
  namespace: `namespace.inject.${GROUP}`,
  workload: `workload.annotate.${GROUP}`,
  namespaceLabel: `namespace.annotate.${GROUP}`,
} as const;

/** The same of the webhooks that refuse. */
export const VALIDATORS = { policy: `policy.validate.${GROUP}`, route: `route.validate.${GROUP}`, service: `service.validate.${GROUP}` } as const;

/** APIServices whose caBundle the control plane keeps. */
export const API_SERVICES = [`${METRICS_VERSION}.${METRICS_GROUP}`, `${TAP_VERSION}.${TAP_GROUP}`];

export interface LabelRequirement { key: string; operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist'; values?: string[] }
export interface LabelSelector { matchExpressions: LabelRequirement[] }

/** Subset of admissionregistration.k8s.io/v1 that we write. */
export interface Webhook {
  name: string;
  admissionReviewVersions: string[];
  clientConfig: { service: { name: string; namespace: string; path: string; port: number }; caBundle?: string };
  rules: { operations: string[]; apiGroups: string[]; apiVersions: string[]; resources: string[]; scope: 'Namespaced' | 'Cluster' }[];
  namespaceSelector: LabelSelector;
  matchConditions: { name: string; expression: string }[];
  matchPolicy: 'Equivalent';
  failurePolicy: 'Fail' | 'Ignore';
  sideEffects: 'None' | 'NoneOnDryRun';
  timeoutSeconds: number;
}

export interface MutatingWebhook extends Webhook { reinvocationPolicy: 'Never' }

export interface ValidatingWebhookConfiguration {
  apiVersion: 'admissionregistration.k8s.io/v1';
  kind: 'ValidatingWebhookConfiguration';
  metadata: { name: string; labels: Record<string, string> };
  webhooks: Webhook[];
}

export interface MutatingWebhookConfiguration {
  apiVersion: 'admissionregistration.k8s.io/v1';
  kind: 'MutatingWebhookConfiguration';
  metadata: { name: string; labels: Record<string, string> };
  webhooks: MutatingWebhook[];
}

/** CEL: `map` (a path such as object.metadata.labels) exists and one of `keys` is in it, with a value for which `test` holds. */
function anyKey(map: string, keys: string[], test?: (value: string) => string): string {
  const hits = keys.map((key) => {
    const present = `'${key}' in ${map}`;
    return test === undefined ? present : `(${present} && ${test(`${map}['${key}']`)})`;
  });
  return `(has(${map}) && (${hits.join(' || ')}))`;
}

const KEYS = [INJECT, INJECT_ALIAS];
const notDisabled = (value: string): string => `${value} != 'disabled'`;
/** A pod that says anything about injection other than no. */
const POD_ASKS = `${anyKey('object.metadata.annotations', KEYS, notDisabled)} || ${anyKey('object.metadata.labels', KEYS, notDisabled)}`;
const POD_SPEAKS = `${anyKey('object.metadata.annotations', KEYS)} || ${anyKey('object.metadata.labels', KEYS)}`;

const onEither = (fragments: (object: string) => string): string => `${fragments('object')} || (oldObject != null && ${fragments('oldObject')})`;
const CARRIES = onEither((o) => anyKey(`${o}.metadata.annotations`, [...KEYS, INJECT_CARRIED]));
/** A template of the ReplicaSet of a Deployment, or of the Job of a CronJob, is its controller's to write. */
const STANDALONE = "!(request.kind.kind in ['ReplicaSet', 'Job']) || !has(object.metadata.ownerReferences) || "
  + '!object.metadata.ownerReferences.exists(o, has(o.controller) && o.controller)';
const NAMESPACE_SPEAKS = onEither((o) => `(${anyKey(`${o}.metadata.annotations`, [...KEYS, INJECT_CARRIED])} || ${anyKey(`${o}.metadata.labels`, KEYS)})`);

function everywhere({ controlNamespace }: { controlNamespace: string }): LabelRequirement[] {
  return [
    { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['kube-system', controlNamespace] },
    { key: ADMISSION_LABEL, operator: 'NotIn', values: ['disabled'] },
    { key: ADMISSION_LABEL_ALIAS, operator: 'NotIn', values: ['disabled'] },
  ];
}

function clientConfig({ controlNamespace }: { controlNamespace: string }, path: string, caBundle: string | undefined): Webhook['clientConfig'] {
  return { service: { name: SERVICES.webhook, namespace: controlNamespace, path, port: 443 }, ...(caBundle !== undefined && { caBundle }) };
}

/**
 * The webhooks that refuse what cannot work. All fail open, and soon: they spare people a mistake, and what slips past them is reported on the
 * object's status. Services are looked at only with an annotation of the mesh, routes only with a Service as parent.
 */
export function validatingWebhookConfiguration(config: { controlNamespace: string }, caBundle?: string): ValidatingWebhookConfiguration {
  const webhook = (name: string, apiGroups: string[], resources: string[], matchConditions: Webhook['matchConditions']): Webhook => ({
    name,
    admissionReviewVersions: ['v1'],
    clientConfig: clientConfig(config, VALIDATE_PATH, caBundle),
    rules: [{ operations: ['CREATE', 'UPDATE'], apiGroups, apiVersions: ['*'], resources, scope: 'Namespaced' }],
    namespaceSelector: { matchExpressions: everywhere(config) },
    matchConditions: [{ name: 'stays', expression: '!has(object.metadata.deletionTimestamp)' }, ...matchConditions],
    matchPolicy: 'Equivalent',
    failurePolicy: 'Ignore',
    sideEffects: 'None',
    timeoutSeconds: 3,
  });
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: VALIDATOR_CONFIGURATION, labels: { [LABELS.partOf]: PART_OF, [LABELS.component]: 'injector' } },
    webhooks: [
      webhook(VALIDATORS.policy, [GROUP], ['authorizationpolicies', 'httpfaults', 'canaries'], []),
      webhook(VALIDATORS.route, ['gateway.networking.k8s.io'], ['httproutes', 'grpcroutes'], [{
        name: 'of-a-service', expression: "has(object.spec.parentRefs) && object.spec.parentRefs.exists(p, has(p.kind) && p.kind == 'Service')",
      }]),
      webhook(VALIDATORS.service, [''], ['services'], [{
        name: 'has-annotation', expression: `has(object.metadata.annotations) && object.metadata.annotations.exists(k, k.startsWith('${GROUP}/') || k.contains('linkerd.io/'))`,
      }]),
    ],
  };
}

/**
 * The webhooks of the mesh. Two inject pods, and between them they see only pods that asked for it, by themselves (selectors see no
 * annotations, so match conditions in CEL do it) or through the label of their namespace: with the injector down, no other pod is held up.
 * Those two fail closed, because a pod that asked for mutual TLS must not start without it unnoticed. The two that carry annotations fail
 * open, so that nothing but injection waits for the injector: what was annotated meanwhile on a workload is carried the next time that
 * the workload is written, and on a namespace as soon as the injector is back.
 * The API server takes match conditions from Kubernetes 1.28 (stable from 1.30).
 *
 * @param caBundle base64 of PEM; absent at install, the control plane writes it when it has made its serving certificate
 */
export function mutatingWebhookConfiguration(config: { controlNamespace: string }, caBundle?: string): MutatingWebhookConfiguration {
  const webhook = (name: string, path: string, rest: Pick<MutatingWebhook, 'rules' | 'matchConditions' | 'failurePolicy' | 'sideEffects'>, more: LabelRequirement[] = []): MutatingWebhook => ({
    name,
    admissionReviewVersions: ['v1'],
    clientConfig: clientConfig(config, path, caBundle),
    namespaceSelector: { matchExpressions: [...everywhere(config), ...more] },
    matchPolicy: 'Equivalent',
    reinvocationPolicy: 'Never',
    timeoutSeconds: 10,
    ...rest,
  });
  const pods: MutatingWebhook['rules'] = [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], scope: 'Namespaced' }];
  const changes = ['CREATE', 'UPDATE'];
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: WEBHOOK_CONFIGURATION, labels: { [LABELS.partOf]: PART_OF, [LABELS.component]: 'injector' } },
    webhooks: [
      webhook(WEBHOOKS.pod, INJECT_PATH, {
        rules: pods, failurePolicy: 'Fail', sideEffects: 'NoneOnDryRun',
        matchConditions: [{ name: 'pod-asks', expression: POD_ASKS }],
      }),
      webhook(WEBHOOKS.namespace, INJECT_PATH, {
        rules: pods, failurePolicy: 'Fail', sideEffects: 'NoneOnDryRun',
        matchConditions: [{ name: 'pod-is-silent', expression: `!(${POD_SPEAKS})` }],
      }, [{ key: INJECT, operator: 'In', values: ['enabled'] }]),
      webhook(WEBHOOKS.workload, ANNOTATE_PATH, {
        rules: [
          { operations: changes, apiGroups: ['apps'], apiVersions: ['v1'], resources: ['deployments', 'statefulsets', 'daemonsets', 'replicasets'], scope: 'Namespaced' },
          { operations: changes, apiGroups: ['batch'], apiVersions: ['v1'], resources: ['cronjobs'], scope: 'Namespaced' },
          { operations: ['CREATE'], apiGroups: ['batch'], apiVersions: ['v1'], resources: ['jobs'], scope: 'Namespaced' },
        ],
        failurePolicy: 'Ignore', sideEffects: 'None',
        matchConditions: [{ name: 'has-inject-annotation', expression: CARRIES }, { name: 'owns-its-template', expression: STANDALONE }],
      }),
      webhook(WEBHOOKS.namespaceLabel, ANNOTATE_PATH, {
        rules: [{ operations: changes, apiGroups: [''], apiVersions: ['v1'], resources: ['namespaces'], scope: 'Cluster' }],
        failurePolicy: 'Ignore', sideEffects: 'None',
        matchConditions: [{ name: 'has-inject-key', expression: NAMESPACE_SPEAKS }],
      }),
    ],
  };
}
