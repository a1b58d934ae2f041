import type { V1EnvVar, V1Pod } from '@kubernetes/client-node';
import type { MeshConfig } from '../../api/config.ts';
import { CONTROL_WORKLOAD, IDENTITY_WORKLOAD, PATHS, SERVICES, identityName, spiffeId } from '../../api/names.ts';
import { PORTS } from '../../api/ports.ts';
import type { ProxySettings } from './settings.ts';

const PREFIX = 'MESH_PROXY_';
/** The longest that the proxy takes. */
const PATIENT = '24h';
const ref = (name: string): string => `$(${PREFIX}${name})`;

/** TCP ports that the pod's own containers declare, ascending, without the proxy's. */
export function containerPorts(pod: V1Pod, settings: ProxySettings): number[] {
  const proxys = new Set(Object.values(settings.ports));
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? []).filter((c) => c.restartPolicy === 'Always')];
  const declared = containers.flatMap((c) => c.ports ?? []).filter((p) => (p.protocol ?? 'TCP') === 'TCP').map((p) => p.containerPort);
  return [...new Set(declared)].filter((p) => !proxys.has(p)).sort((a, b) => a - b);
}

/**
 * The environment of the proxy. A pod's name, address and node are unknown when it is admitted, so they come by the downward
 * API first, and Kubernetes expands $(NAME) of earlier variables in the later ones.
 */
export function proxyEnvironment(pod: V1Pod, config: MeshConfig, settings: ProxySettings): V1EnvVar[] {
  const { trustDomain, controlNamespace } = config;
  const downward: [string, string][] = [
    ['POD_NAME', 'metadata.name'], ['POD_NAMESPACE', 'metadata.namespace'], ['POD_IP', 'status.podIP'], ['POD_IPS', 'status.podIPs'],
    ['NODE_NAME', 'spec.nodeName'], ['SERVICE_ACCOUNT', 'spec.serviceAccountName'],
  ];
  const service = (name: string, port: number): string => `${name}.${controlNamespace}.svc.${config.clusterDomain}:${port}`;
  const identity = (workload: string): string => identityName(workload, controlNamespace, trustDomain, controlNamespace);
  const values: Record<string, string> = {
    LOG: settings.logLevel,
    IDENTITY_SVC_ADDR: service(SERVICES.identity, PORTS.identity),
    IDENTITY_SVC_NAME: identity(IDENTITY_WORKLOAD),
    IDENTITY_LOCAL_NAME: identityName(ref('SERVICE_ACCOUNT'), ref('POD_NAMESPACE'), trustDomain, controlNamespace),
    IDENTITY_SPIFFE_ID: spiffeId(ref('SERVICE_ACCOUNT'), ref('POD_NAMESPACE'), trustDomain),
    IDENTITY_TOKEN_FILE: PATHS.token,
    IDENTITY_TRUST_ANCHORS_FILE: PATHS.anchors,
    DESTINATION_SVC_ADDR: service(SERVICES.destination, PORTS.destination),
    DESTINATION_SVC_NAME: identity(CONTROL_WORKLOAD),
    DESTINATION_CONTEXT: `{"ns":"${ref('POD_NAMESPACE')}","nodeName":"${ref('NODE_NAME')}","pod":"${ref('POD_NAME')}"}`,
    POLICY_SVC_ADDR: service(SERVICES.policy, PORTS.policy),
    POLICY_SVC_NAME: identity(CONTROL_WORKLOAD),
    POLICY_WORKLOAD: `{"ns":"${ref('POD_NAMESPACE')}","pod":"${ref('POD_NAME')}"}`,
    TAP_SVC_NAME: identity(CONTROL_WORKLOAD),
    CLUSTER_NETWORKS: config.clusterNetworks.join(','),
    INBOUND_LISTEN_ADDR: `0.0.0.0:${settings.ports.inbound}`,
    OUTBOUND_LISTEN_ADDR: `127.0.0.1:${settings.ports.outbound}`,
    ADMIN_LISTEN_ADDR: `0.0.0.0:${settings.ports.admin}`,
    TAP_LISTEN_ADDR: `0.0.0.0:${settings.ports.tap}`,
    INBOUND_PORTS: (settings.podInboundPorts ?? containerPorts(pod, settings)).join(','),
    OPAQUE_PORTS: settings.opaquePorts.join(','),
    INBOUND_DEFAULT_POLICY: settings.defaultInboundPolicy,
    INBOUND_CONNECT_TIMEOUT: String(settings.inboundConnectTimeoutMs),
    OUTBOUND_CONNECT_TIMEOUT: String(settings.outboundConnectTimeoutMs),
    SHUTDOWN_GRACE_SECONDS: String(settings.shutdownGraceSeconds),
    ...tuned(settings),
    ...traced(settings),
  };
  const over = new Set(settings.additionalEnv.map((v) => v.name));
  return [
    ...downward.map(([name, fieldPath]): V1EnvVar => ({ name: PREFIX + name, valueFrom: { fieldRef: { fieldPath } } })),
    ...Object.entries(values).map(([name, value]): V1EnvVar => ({ name: PREFIX + name, value })),
  ].filter((v) => !over.has(v.name)).concat(settings.additionalEnv);
}

/** What is only there where somebody asks for it: the proxy knows its defaults. */
function tuned(s: ProxySettings): Record<string, string> {
  const asked: [string, string | number | undefined][] = [
    ['ACCESS_LOG', s.accessLog], ['LOG_FORMAT', s.logFormat], ['VIA', s.via],
    ['INBOUND_DISCOVERY_IDLE_TIMEOUT', s.inboundDiscoveryIdleMs], ['OUTBOUND_DISCOVERY_IDLE_TIMEOUT', s.outboundDiscoveryIdleMs],
    ['INBOUND_DETECT_TIMEOUT', s.inboundDetectPatient ? PATIENT : undefined], ['OUTBOUND_DETECT_TIMEOUT', s.outboundDetectPatient ? PATIENT : undefined],
    ['INBOUND_PORTS_REQUIRE_IDENTITY', s.identityPorts.join(',') || undefined],
    ['SHUTDOWN_ENDPOINT_ENABLED', s.adminShutdown ? undefined : 'false'],
  ];
  return Object.fromEntries(asked.filter(([, value]) => value !== undefined).map(([name, value]) => [name, String(value)]));
}

/** Spans say which pod they are of; the workload behind it is not known by a name that every pod has, its ServiceAccount is. */
function traced({ traceCollector, traceCollectorIdentity }: ProxySettings): Record<string, string> {
  if (traceCollector === undefined) return {};
  return {
    TRACE_COLLECTOR_SVC_ADDR: traceCollector,
    ...(traceCollectorIdentity !== undefined && { TRACE_COLLECTOR_SVC_NAME: traceCollectorIdentity }),
    TRACE_SERVICE_NAME: `${ref('SERVICE_ACCOUNT')}.${ref('POD_NAMESPACE')}`,
    TRACE_EXTRA_ATTRIBUTES: `k8s.namespace.name=${ref('POD_NAMESPACE')}\nk8s.pod.name=${ref('POD_NAME')}`,
  };
}
