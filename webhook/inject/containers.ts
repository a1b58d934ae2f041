import { dirname } from 'node:path/posix';
import type { V1Container, V1Pod, V1ResourceRequirements, V1Volume } from '@kubernetes/client-node';
import type { MeshConfig } from '../../api/config.ts';
import { ANCHORS_CONFIG_MAP, ANCHORS_KEY, CONTAINERS, PATHS, TOKEN_AUDIENCE } from '../../api/names.ts';
import { proxyEnvironment } from './environment.ts';
import type { ProxySettings } from './settings.ts';

const NOBODY = 65534;
const TOKEN_VOLUME = 'mesh-token';
const ANCHORS_VOLUME = 'mesh-trust-anchors';
/** The proxy starts in well under a second; the rest is the wait for its certificate while the control plane comes up. */
const STARTUP_TRIES = 120;
/** An overloaded node answers late; to kill the proxy for that would cut connections that still work. */
const PROBE_TIMEOUT_SECONDS = 5;

export function meshVolumes(): V1Volume[] {
  return [
    {
      name: TOKEN_VOLUME,
      projected: {
        sources: [{ serviceAccountToken: { audience: TOKEN_AUDIENCE, expirationSeconds: 86400, path: PATHS.token.slice(dirname(PATHS.token).length + 1) } }],
      },
    },
    // Required on purpose: without anchors the proxy could trust nobody, and the kubelet says so in an event.
    { name: ANCHORS_VOLUME, configMap: { name: ANCHORS_CONFIG_MAP, items: [{ key: ANCHORS_KEY, path: ANCHORS_KEY }] } },
  ];
}

/**
 * Redirects the pod's TCP traffic to the proxy and ends. It runs unprivileged as nobody: iptables in the image carries
 * file capabilities, which the kernel gives only where privilege escalation is allowed.
 */
export function initContainer(settings: ProxySettings): V1Container {
  const { ports } = settings;
  const args = [
    '--inbound-port', String(ports.inbound),
    '--outbound-port', String(ports.outbound),
    '--proxy-uid', String(settings.uid),
    ...(settings.gid === undefined ? [] : ['--proxy-gid', String(settings.gid)]),
    '--skip-inbound-ports', [String(ports.tap), String(ports.admin), ...settings.skipInboundPorts].join(','),
  ];
  if (settings.skipOutboundPorts.length > 0) args.push('--skip-outbound-ports', settings.skipOutboundPorts.join(','));
  if (settings.skipSubnets.length > 0) args.push('--skip-subnets', settings.skipSubnets.join(','));
  if (settings.redirectInboundPorts.length > 0) args.push('--redirect-inbound-ports', settings.redirectInboundPorts.join(','));
  if (settings.iptablesMode !== 'nft') args.push('--mode', settings.iptablesMode);
  if (settings.redirectIpv6 !== 'auto') args.push('--ipv6', settings.redirectIpv6);
  const privileged = settings.closeWaitSeconds > 0;
  if (privileged) args.push('--close-wait-timeout', String(settings.closeWaitSeconds));
  return {
    name: CONTAINERS.init,
    image: settings.image,
    imagePullPolicy: settings.imagePullPolicy,
    command: ['/usr/bin/node', '/app/redirect.mjs'],
    args,
    // A time of the kernel's can be set by nobody else.
    securityContext: privileged ? { runAsUser: 0, runAsGroup: 0, runAsNonRoot: false, privileged: true, readOnlyRootFilesystem: true } : {
      runAsUser: NOBODY,
      runAsGroup: NOBODY,
      runAsNonRoot: true,
      allowPrivilegeEscalation: true,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'], add: ['NET_ADMIN', 'NET_RAW'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
    terminationMessagePolicy: 'FallbackToLogsOnError',
  };
}

function resources(s: ProxySettings): V1ResourceRequirements | undefined {
  const group = (cpu: string | undefined, memory: string | undefined, disk: string | undefined): Record<string, string> | undefined => {
    const entries = Object.entries({ cpu, memory, 'ephemeral-storage': disk }).filter((e): e is [string, string] => e[1] !== undefined);
    return entries.length > 0 ? Object.fromEntries(entries) : undefined;
  };
  const requests = group(s.cpuRequest, s.memoryRequest, s.ephemeralStorageRequest);
  const limits = group(s.cpuLimit, s.memoryLimit, s.ephemeralStorageLimit);
  if (requests === undefined && limits === undefined) return undefined;
  return { ...(requests && { requests }), ...(limits && { limits }) };
}

/**
 * The proxy as a native sidecar: an init container that goes on running. It is up before the pod's later init containers,
 * outlives its main ones, and does not keep a Job from completing.
 */
export function proxyContainer(pod: V1Pod, config: MeshConfig, settings: ProxySettings): V1Container {
  const probe = (path: string): { httpGet: { path: string; port: number } } => ({ httpGet: { path, port: settings.ports.admin } });
  const needs = resources(settings);
  return {
    name: CONTAINERS.proxy,
    image: settings.image,
    imagePullPolicy: settings.imagePullPolicy,
    restartPolicy: 'Always',
    env: proxyEnvironment(pod, config, settings),
    ports: [
      { name: 'mesh-inbound', containerPort: settings.ports.inbound },
      { name: 'mesh-admin', containerPort: settings.ports.admin },
    ],
    ...(settings.awaited && { startupProbe: { ...probe('/ready'), periodSeconds: 1, failureThreshold: STARTUP_TRIES } }),
    readinessProbe: { ...probe('/ready'), timeoutSeconds: PROBE_TIMEOUT_SECONDS },
    livenessProbe: { ...probe('/live'), timeoutSeconds: PROBE_TIMEOUT_SECONDS },
    ...(needs && { resources: needs }),
    securityContext: {
      runAsUser: settings.uid,
      ...(settings.gid !== undefined && { runAsGroup: settings.gid }),
      runAsNonRoot: true,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [
      { name: TOKEN_VOLUME, mountPath: dirname(PATHS.token), readOnly: true },
      { name: ANCHORS_VOLUME, mountPath: dirname(PATHS.anchors), readOnly: true },
    ],
  };
}
