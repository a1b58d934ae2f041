import type { V1EnvVar, V1Pod } from '@kubernetes/client-node';
import { type ConfigKey, configAnnotation } from '../../api/annotations.ts';
import type { MeshConfig } from '../../api/config.ts';
import { GROUP, PROXY_UID } from '../../api/names.ts';
import { PORTS } from '../../api/ports.ts';
import { imageRef } from '../../api/version.ts';
import type { NamespaceLike } from '../metadata.ts';
import {
  type LogLevel, parseDurationMs, parseEnvironment, parseHost, parseHostPort, parseInteger, parseLogLevel, parsePort, parsePortList, parseQuantity, parseSubnets, parseSwitch, parseToken,
} from './values.ts';
import { requestsPerSecond } from '../../lib/authz/compile.ts';
import { DEFAULT_POLICIES } from '../../lib/authz/default-policy.ts';

/** What the containers of one pod are made with: the mesh's configuration, the namespace's annotations, then the pod's. */
export interface ProxySettings {
  image: string;
  version: string;
  imagePullPolicy: string;
  ports: { inbound: number; outbound: number; tap: number; admin: number };
  /** ports and ranges `a-b` */
  skipInboundPorts: string[];
  skipOutboundPorts: string[];
  /** CIDRs whose connections are left alone */
  skipSubnets: string[];
  /** the only ports that are redirected inwards; empty for all */
  redirectInboundPorts: string[];
  /** 0 leaves the kernel's time as it is, and the init container without privileges */
  closeWaitSeconds: number;
  iptablesMode: string;
  redirectIpv6: string;
  /** ports of the application; undefined for those that its containers declare */
  podInboundPorts: string[] | undefined;
  /** ports whose clients have to prove an identity */
  identityPorts: string[];
  opaquePorts: string[];
  cpuRequest: string | undefined;
  cpuLimit: string | undefined;
  memoryRequest: string | undefined;
  memoryLimit: string | undefined;
  ephemeralStorageRequest: string | undefined;
  ephemeralStorageLimit: string | undefined;
  uid: number;
  gid: number | undefined;
  logLevel: LogLevel;
  logFormat: string | undefined;
  adminShutdown: boolean;
  /** the pod's other containers start when the proxy is ready */
  awaited: boolean;
  shutdownGraceSeconds: number;
  defaultInboundPolicy: string;
  inboundConnectTimeoutMs: number;
  outboundConnectTimeoutMs: number;
  accessLog: string | undefined;
  via: string | undefined;
  /** undefined: the proxy's defaults */
  inboundDiscoveryIdleMs: number | undefined;
  outboundDiscoveryIdleMs: number | undefined;
  /** detection waits for the rest of a first line for as long as it takes */
  inboundDetectPatient: boolean;
  outboundDetectPatient: boolean;
  /** where spans go, host:port; its mesh identity, if it has one */
  traceCollector: string | undefined;
  traceCollectorIdentity: string | undefined;
  /** variables of the proxy over those that the injector sets */
  additionalEnv: V1EnvVar[];
}

const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'];
const ACCESS_LOGS = ['apache', 'json'];
const LOG_FORMATS = ['json', 'plain'];
const IPTABLES_MODES = ['nft', 'legacy'];
const IPV6 = ['auto', 'true', 'false'];
const SWITCH = 'enabled or disabled';
const DEFAULT_INBOUND_CONNECT_MS = 1000;
const DEFAULT_OUTBOUND_CONNECT_MS = 1000;
const MAX_UID = 2_147_483_647;
/** Under their Linkerd keys these name images of Linkerd's proxy, which does not understand what we inject. */
const OWN_KEY_ONLY: ReadonlySet<ConfigKey> = new Set(['proxy-image', 'proxy-version']);

const oneOf = (values: readonly string[]) => (text: string): string | null => values.find((v) => v === text.trim()) ?? null;

/** A default in the words of annotations. */
function shown(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'enabled' : 'disabled';
  return (Array.isArray(value) ? value.join(',') : `${(value ?? '') as string | number}`) || 'none';
}

/** `name:version`, unless the name already carries a tag or a digest. */
function withVersion(image: string, version: string): string {
  const last = image.slice(image.lastIndexOf('/') + 1);
  return /[:@]/.test(last) ? image : `${image}:${version}`;
}

/** Ports of the containers of a pod by name, for annotations that name them. */
export function namedPorts(pod: V1Pod): Map<string, number> {
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  return new Map(containers.flatMap((c) => c.ports ?? []).flatMap((p) => (p.name === undefined ? [] : [[p.name, p.containerPort] as const])));
}

/**
 * Settings of one pod. A value that cannot be understood never stops the pod: the default takes its place and a warning
 * says so, naming the annotation, the object and what would have been accepted.
 */
export function resolveSettings(pod: V1Pod, namespace: NamespaceLike, config: MeshConfig): { settings: ProxySettings; warnings: string[] } {
  const warnings: string[] = [];

  function read<T>(key: ConfigKey, parse: (text: string) => T | null, fallback: T, expected: string): T {
    for (const [where, metadata] of [['pod', pod.metadata], ['namespace', namespace.metadata]] as const) {
      if (OWN_KEY_ONLY.has(key) && metadata?.annotations?.[`${GROUP}/${key}`] === undefined) {
        if (configAnnotation(metadata, key) !== undefined) {
          warnings.push(`config.linkerd.io/${key} on the ${where} is ignored: it names an image of another proxy; use ${GROUP}/${key}`);
        }
        continue;
      }
      const text = configAnnotation(metadata, key);
      if (text === undefined) continue;
      const value = parse(text);
      if (value !== null) return value;
      warnings.push(`${key} on the ${where} is "${text}", expected ${expected}; using ${shown(fallback)}`);
      return fallback;
    }
    return fallback;
  }

  const image = read('proxy-image', (t) => t.trim() || null, '', 'the name of an image');
  const version = read('proxy-version', (t) => (/^[\w][\w.-]{0,127}$/.test(t.trim()) ? t.trim() : null), config.version, 'an image tag');
  const named = namedPorts(pod);
  const list = (text: string): string[] | null => parsePortList(text, named);
  const { proxy } = config;
  const seconds = (text: string): number | null => {
    const ms = parseDurationMs(text);
    return ms === null ? null : Math.ceil(ms / 1000);
  };
  const port = (key: ConfigKey, fallback: number): number => read(key, parsePort, fallback, 'a port number');
  const ports = {
    inbound: port('inbound-port', PORTS.inbound),
    outbound: port('outbound-port', PORTS.outbound),
    tap: port('control-port', PORTS.tap),
    admin: port('admin-port', PORTS.admin),
  };
  const distinct = new Set(Object.values(ports)).size === 4;
  if (!distinct) warnings.push('inbound-port, outbound-port, control-port and admin-port must differ; using their defaults');

  const settings: ProxySettings = {
    image: image === '' ? imageRef('proxy', config.registry, version) : withVersion(image, version),
    version,
    imagePullPolicy: read('image-pull-policy', oneOf(PULL_POLICIES), config.imagePullPolicy, PULL_POLICIES.join(', ')),
    ports: distinct ? ports : { inbound: PORTS.inbound, outbound: PORTS.outbound, tap: PORTS.tap, admin: PORTS.admin },
    skipInboundPorts: read('skip-inbound-ports', list, proxy.skipInboundPorts, 'ports and ranges, as in 25,9000-9100'),
    skipOutboundPorts: read('skip-outbound-ports', list, proxy.skipOutboundPorts, 'ports and ranges, as in 25,9000-9100'),
    skipSubnets: read('skip-subnets', parseSubnets, [], 'CIDRs, as in 10.0.0.0/8'),
    redirectInboundPorts: read('redirect-inbound-ports', list, [], 'ports and ranges, as in 80,8000-8100'),
    closeWaitSeconds: read('close-wait-timeout', seconds, 0, 'a duration, as in 1h'),
    iptablesMode: read('iptables-mode', oneOf(IPTABLES_MODES), IPTABLES_MODES[0]!, IPTABLES_MODES.join(' or ')),
    redirectIpv6: read('redirect-ipv6', oneOf(IPV6), IPV6[0]!, IPV6.join(', ')),
    podInboundPorts: read<string[] | undefined>('pod-inbound-ports', list, undefined, 'ports, ranges and names of container ports'),
    identityPorts: read('proxy-require-identity-inbound-ports', list, [], 'ports, ranges and names of container ports'),
    opaquePorts: read('opaque-ports', list, proxy.opaquePorts.map(String), 'ports, ranges and names of container ports'),
    cpuRequest: read('proxy-cpu-request', parseQuantity, proxy.cpuRequest, 'a quantity, as in 100m'),
    cpuLimit: read('proxy-cpu-limit', parseQuantity, proxy.cpuLimit, 'a quantity, as in 1'),
    memoryRequest: read('proxy-memory-request', parseQuantity, proxy.memoryRequest, 'a quantity, as in 20Mi'),
    memoryLimit: read('proxy-memory-limit', parseQuantity, proxy.memoryLimit, 'a quantity, as in 250Mi'),
    ephemeralStorageRequest: read<string | undefined>('proxy-ephemeral-storage-request', parseQuantity, undefined, 'a quantity, as in 100Mi'),
    ephemeralStorageLimit: read<string | undefined>('proxy-ephemeral-storage-limit', parseQuantity, undefined, 'a quantity, as in 1Gi'),
    uid: read('proxy-uid', (t) => parseInteger(t, 1, MAX_UID), PROXY_UID, 'a user id above 0'),
    gid: read<number | undefined>('proxy-gid', (t) => parseInteger(t, 1, MAX_UID), undefined, 'a group id above 0'),
    logLevel: read('proxy-log-level', parseLogLevel, proxy.logLevel, 'error, warn, info or debug'),
    logFormat: read<string | undefined>('proxy-log-format', oneOf(LOG_FORMATS), undefined, LOG_FORMATS.join(' or ')),
    adminShutdown: read('proxy-admin-shutdown', parseSwitch, true, SWITCH),
    awaited: read('proxy-await', parseSwitch, true, SWITCH),
    shutdownGraceSeconds: read('shutdown-grace-period', seconds, proxy.shutdownGraceSeconds, 'a duration, as in 30s'),
    defaultInboundPolicy: read('default-inbound-policy', oneOf(DEFAULT_POLICIES), proxy.defaultInboundPolicy, DEFAULT_POLICIES.join(', ')),
    inboundConnectTimeoutMs: read('proxy-inbound-connect-timeout', parseDurationMs, DEFAULT_INBOUND_CONNECT_MS, 'a duration, as in 100ms'),
    outboundConnectTimeoutMs: read('proxy-outbound-connect-timeout', parseDurationMs, DEFAULT_OUTBOUND_CONNECT_MS, 'a duration, as in 1s'),
    accessLog: read<string | undefined>('access-log', oneOf(ACCESS_LOGS), undefined, ACCESS_LOGS.join(' or ')),
    via: read<string | undefined>('via', parseToken, undefined, 'a name without spaces, at most 64 bytes'),
    inboundDiscoveryIdleMs: read<number | undefined>('proxy-inbound-discovery-cache-unused-timeout', parseDurationMs, undefined, 'a duration, as in 90s'),
    outboundDiscoveryIdleMs: read<number | undefined>('proxy-outbound-discovery-cache-unused-timeout', parseDurationMs, undefined, 'a duration, as in 5s'),
    inboundDetectPatient: read('proxy-disable-inbound-protocol-detect-timeout', parseSwitch, false, SWITCH),
    outboundDetectPatient: read('proxy-disable-outbound-protocol-detect-timeout', parseSwitch, false, SWITCH),
    traceCollector: read<string | undefined>('trace-collector', parseHostPort, undefined, 'host:port of a collector that takes OTLP over gRPC'),
    traceCollectorIdentity: read<string | undefined>('trace-collector-identity', parseHost, undefined, 'the mesh identity of the collector'),
    additionalEnv: read('proxy-additional-env', parseEnvironment, [], 'a JSON list of variables, as in [{"name":"A","value":"b"}]'),
  };
  // The control plane reads these from the pod: what it passes over is told here.
  for (const key of ['rate-limit', 'rate-limit-per-client'] as const) read(key, (t) => requestsPerSecond(t) ?? null, undefined, 'requests a second, a whole number above 0');
  return { settings, warnings };
}
