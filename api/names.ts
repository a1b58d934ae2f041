/** Every name that two parts of the mesh must agree on. Nothing here depends on anything else. */

export const GROUP = 'kubectl-mesh.io';
export const DEFAULT_CONTROL_NAMESPACE = 'mesh-system';
export const DEFAULT_TRUST_DOMAIN = 'cluster.local';
export const DEFAULT_CLUSTER_DOMAIN = 'cluster.local';

/** Deployments of the default install; each runs as the ServiceAccount of the same name. */
export const IDENTITY_WORKLOAD = 'mesh-identity';
export const CONTROL_WORKLOAD = 'mesh-control';

/** Services in the control namespace. */
export const SERVICES = {
  identity: 'mesh-identity',
  destination: 'mesh-destination',
  policy: 'mesh-policy',
  webhook: 'mesh-webhook',
  api: 'mesh-api',
} as const;

/** ConfigMaps and Secrets in the control namespace. */
export const CONFIG_MAP = 'mesh-config';
/** Key in CONFIG_MAP; the value is the YAML form of api/config.ts MeshConfig. */
export const CONFIG_KEY = 'config.yaml';
/** Trust anchors: the source in the control namespace, and a copy of the same name in every namespace. */
export const ANCHORS_CONFIG_MAP = 'mesh-trust-anchors';
export const ANCHORS_KEY = 'ca-bundle.crt';
/** Secret (tls.crt, tls.key) with the issuer; only mesh-identity may read it. */
export const ISSUER_SECRET = 'mesh-identity-issuer';
/**
 * Secret with the trust anchor's own key (tls.crt, tls.key), and, during a rotation, the one that takes over (next.crt, next.key, next-cross.crt);
 * only mesh-identity may read it. Empty when the issuer was given.
 */
export const ROOT_SECRET = 'mesh-identity-root';
/** ConfigMap with what mesh-identity says of itself (api/identity-status.ts), and, as annotations, what is asked of it. */
export const IDENTITY_STATUS_CONFIG_MAP = 'mesh-identity-status';
/** ConfigMap with the values of traffic annotations that could be used last, as JSON under the namespace of their objects. */
export const POLICY_SETTINGS_CONFIG_MAP = 'mesh-policy-settings';
/** Secret (kubernetes.io/tls plus ca.crt) with the serving certificate of the webhook and the aggregated API. */
export const SERVING_SECRET = 'mesh-serving-tls';

export const WEBHOOK_CONFIGURATION = 'mesh-injector';
/** The ValidatingWebhookConfiguration. */
export const VALIDATOR_CONFIGURATION = 'mesh-validator';

/** Audience of the projected ServiceAccount token that a proxy trades for a certificate. */
export const TOKEN_AUDIENCE = 'identity.kubectl-mesh.io';

/** Container names in an injected pod. */
export const CONTAINERS = { init: 'mesh-init', proxy: 'mesh-proxy' } as const;
/** Container of a stock linkerd2-proxy, in a pod that runs one under this control plane. */
export const STOCK_PROXY = 'linkerd-proxy';
export const PROXY_UID = 2102;

/** Labels. */
export const LABELS = {
  /** on every object that install creates; the value is one of COMPONENTS */
  component: `${GROUP}/component`,
  /** on every injected pod; the value is the control namespace */
  controlPlaneNs: `${GROUP}/control-plane-ns`,
  workloadNs: `${GROUP}/workload-ns`,
  /** on injected pods: kubectl-mesh.io/proxy-deployment: web, … (kind in lower case) */
  ownerPrefix: `${GROUP}/proxy-`,
  partOf: 'app.kubernetes.io/part-of',
} as const;
/** Value of LABELS.partOf on everything that install creates; uninstall selects by it. */
export const PART_OF = 'kubectl-mesh';

/** Paths inside an injected pod. */
export const PATHS = {
  token: '/var/run/kubectl-mesh/token/token',
  anchors: '/var/run/kubectl-mesh/anchors/ca-bundle.crt',
} as const;

/** Mesh identity of a ServiceAccount: the first DNS SAN of its leaf (Linkerd's shape with our control namespace). */
export function identityName(serviceAccount: string, namespace: string, trustDomain: string, controlNamespace: string): string {
  return `${serviceAccount}.${namespace}.serviceaccount.identity.${controlNamespace}.${trustDomain}`;
}

/** The URI SAN of the same leaf. */
export function spiffeId(serviceAccount: string, namespace: string, trustDomain: string): string {
  return `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}`;
}

/** Inverse of identityName; null when `name` is not of that shape. */
export function parseIdentity(name: string): { serviceAccount: string; namespace: string; controlNamespace: string; trustDomain: string } | null {
  const m = /^([^.]+)\.([^.]+)\.serviceaccount\.identity\.([^.]+)\.(.+)$/.exec(name);
  if (!m) return null;
  return { serviceAccount: m[1]!, namespace: m[2]!, controlNamespace: m[3]!, trustDomain: m[4]! };
}

/** Who judges routes of the Gateway API for the mesh: status.parents[].controllerName. */
export const ROUTE_CONTROLLER = 'kubectl-mesh.io/route-controller';

/** Type of the condition on a route that says which of its fields do not do what they seem to; there only while there are any. */
export const ROUTE_PROBLEMS_CONDITION = `${GROUP}/Problems`;

/** Deployment that leads canaries, where the install has it, and its Lease. */
export const CANARY_WORKLOAD = 'mesh-canary';
