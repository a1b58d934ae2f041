/** Cluster DNS: CoreDNS as a Deployment behind the Service at DNS_SERVICE_IP. It answers for the cluster only; nothing is forwarded. */
import { CLUSTER_DOMAIN, DNS_SERVICE_IP } from './layout.ts';
import { COREDNS_IMAGE } from './images.ts';

export const DNS_NAMESPACE = 'kube-system';
export const DNS_DEPLOYMENT = 'coredns';

const COREFILE = `.:53 {
  errors
  health :8080 {
    lameduck 5s
  }
  ready :8181
  kubernetes ${CLUSTER_DOMAIN} in-addr.arpa ip6.arpa {
    pods insecure
    ttl 5
  }
  prometheus :9153
  cache 5
  reload
  loadbalance
}
`;

const labels = { 'k8s-app': 'kube-dns' };
const metadata = { name: DNS_DEPLOYMENT, namespace: DNS_NAMESPACE, labels };

/** Objects to apply, as one List. */
export function dnsManifest(): object {
  return { apiVersion: 'v1', kind: 'List', items: [serviceAccount, role, binding, configMap, service, deployment] };
}

const serviceAccount = { apiVersion: 'v1', kind: 'ServiceAccount', metadata };

const role = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: { name: 'system:coredns' },
  rules: [
    { apiGroups: [''], resources: ['services', 'pods', 'namespaces'], verbs: ['list', 'watch'] },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
  ],
};

const binding = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: { name: 'system:coredns' },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:coredns' },
  subjects: [{ kind: 'ServiceAccount', name: DNS_DEPLOYMENT, namespace: DNS_NAMESPACE }],
};

const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { Corefile: COREFILE } };

const service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { ...metadata, name: 'kube-dns' },
  spec: {
    clusterIP: DNS_SERVICE_IP,
    selector: labels,
    ports: [
      { name: 'dns', port: 53, protocol: 'UDP' },
      { name: 'dns-tcp', port: 53, protocol: 'TCP' },
      { name: 'metrics', port: 9153, protocol: 'TCP' },
    ],
  },
};

const container = {
  name: DNS_DEPLOYMENT,
  image: COREDNS_IMAGE,
  imagePullPolicy: 'IfNotPresent',
  args: ['-conf', '/etc/coredns/Corefile'],
  resources: { requests: { cpu: '20m', memory: '32Mi' } },
  volumeMounts: [{ name: 'config', mountPath: '/etc/coredns', readOnly: true }],
  ports: [
    { name: 'dns', containerPort: 53, protocol: 'UDP' },
    { name: 'dns-tcp', containerPort: 53, protocol: 'TCP' },
    { name: 'metrics', containerPort: 9153, protocol: 'TCP' },
  ],
  livenessProbe: { httpGet: { path: '/health', port: 8080 }, initialDelaySeconds: 30, timeoutSeconds: 5, failureThreshold: 5 },
  readinessProbe: { httpGet: { path: '/ready', port: 8181 }, periodSeconds: 1 },
  securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { add: ['NET_BIND_SERVICE'], drop: ['ALL'] } },
};

const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata,
  spec: {
    replicas: 1,
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        serviceAccountName: DNS_DEPLOYMENT,
        priorityClassName: 'system-cluster-critical',
        // Its own lookups must not depend on itself.
        dnsPolicy: 'Default',
        tolerations: [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }, { key: 'CriticalAddonsOnly', operator: 'Exists' }],
        containers: [container],
        volumes: [{ name: 'config', configMap: { name: DNS_DEPLOYMENT } }],
      },
    },
  },
};
