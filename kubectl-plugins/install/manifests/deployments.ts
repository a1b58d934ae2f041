import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import type { V1Container, V1ContainerPort, V1Deployment, V1PodSpec, V1Volume, V1VolumeMount } from '@kubernetes/client-node';
import type { MeshConfig } from '../../../api/config.ts';
import { ANCHORS_CONFIG_MAP, ANCHORS_KEY, CANARY_WORKLOAD, CONFIG_MAP, CONTROL_WORKLOAD, GROUP, IDENTITY_WORKLOAD, PATHS, TOKEN_AUDIENCE } from '../../../api/names.ts';
import { PORTS } from '../../../api/ports.ts';
import { imageRef } from '../../../api/version.ts';
import { configText } from './config.ts';
import { replicasOf, rolloutOf, spreadOf } from './high-availability.ts';
import { labelsOf, selectorOf, type Manifest } from './object.ts';
import { WORKLOAD_SERVICES } from './rbac.ts';
import { PORT_NAMES } from './services.ts';

/** Folder that control pods mount besides those of api/names.ts PATHS. */
const CONFIG_MOUNT = '/var/run/kubectl-mesh/config';

/** User and group of every control container. */
const UID = 65532;

interface Workload {
  name: keyof typeof WORKLOAD_SERVICES;
  ports: V1ContainerPort[];
  requests: { cpu: string; memory: string };
  volumes: V1Volume[];
  mounts: V1VolumeMount[];
}

/** mesh-identity, which alone holds the issuer key; mesh-control, which holds the rest; and mesh-canary, which alone may change Deployments, where it is wanted. */
export function deployments(config: MeshConfig): (V1Deployment & Manifest)[] {
  return [
    deployment(config, {
      name: IDENTITY_WORKLOAD,
      ports: [{ name: PORT_NAMES.identity, containerPort: PORTS.identity }],
      requests: { cpu: '10m', memory: '64Mi' },
      // Issuer and anchors come by watches, and its own certificate is of its own making.
      volumes: [],
      mounts: [],
    }),
    deployment(config, {
      name: CONTROL_WORKLOAD,
      ports: [
        { name: PORT_NAMES.destination, containerPort: PORTS.destination },
        { name: PORT_NAMES.policy, containerPort: PORTS.policy },
        { name: PORT_NAMES.webhook, containerPort: PORTS.webhook },
        { name: PORT_NAMES.api, containerPort: PORTS.api },
      ],
      requests: { cpu: '50m', memory: '128Mi' },
      volumes: [
        // Its key is named, so that the pod waits until mesh-identity has written it, and does not start without anybody to trust.
        { name: 'anchors', configMap: { name: ANCHORS_CONFIG_MAP, items: [{ key: ANCHORS_KEY, path: posix.basename(PATHS.anchors) }] } },
        {
          name: 'token',
          projected: { sources: [{ serviceAccountToken: { audience: TOKEN_AUDIENCE, expirationSeconds: 86400, path: posix.basename(PATHS.token) } }] },
        },
      ],
      mounts: [
        { name: 'anchors', mountPath: posix.dirname(PATHS.anchors), readOnly: true },
        { name: 'token', mountPath: posix.dirname(PATHS.token), readOnly: true },
      ],
    }),
    ...(config.canary ? [deployment(config, { name: CANARY_WORKLOAD, ports: [], requests: { cpu: '10m', memory: '48Mi' }, volumes: [], mounts: [] })] : []),
  ];
}

function deployment(config: MeshConfig, workload: Workload): V1Deployment & Manifest {
  const { component } = WORKLOAD_SERVICES[workload.name];
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: workload.name, namespace: config.controlNamespace, labels: labelsOf(component) },
    spec: {
      replicas: replicasOf(config),
      ...rolloutOf(config),
      selector: { matchLabels: selectorOf(component) },
      template: {
        metadata: {
          labels: labelsOf(component),
          // Services read their configuration once: a changed one has to start new pods.
          annotations: { [`${GROUP}/config-sha256`]: createHash('sha256').update(configText(config)).digest('hex') },
        },
        spec: podSpec(config, workload),
      },
    },
  };
}

function podSpec(config: MeshConfig, workload: Workload): V1PodSpec {
  return {
    serviceAccountName: workload.name,
    nodeSelector: { 'kubernetes.io/os': 'linux' },
    ...spreadOf(config, WORKLOAD_SERVICES[workload.name].component),
    securityContext: { runAsNonRoot: true, runAsUser: UID, runAsGroup: UID, fsGroup: UID, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [container(config, workload)],
    volumes: [{ name: 'config', configMap: { name: CONFIG_MAP } }, ...workload.volumes],
  };
}

function container(config: MeshConfig, workload: Workload): V1Container {
  return {
    name: workload.name,
    image: imageRef('control', config.registry, config.version),
    imagePullPolicy: config.imagePullPolicy,
    args: [...WORKLOAD_SERVICES[workload.name].services],
    ports: [...workload.ports, { name: PORT_NAMES.admin, containerPort: PORTS.controlAdmin }],
    env: [fromField('POD_NAME', 'metadata.name'), fromField('POD_NAMESPACE', 'metadata.namespace'), fromField('POD_IP', 'status.podIP')],
    startupProbe: { httpGet: { path: '/live', port: PORT_NAMES.admin }, periodSeconds: 1, failureThreshold: 60 },
    livenessProbe: { httpGet: { path: '/live', port: PORT_NAMES.admin }, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3 },
    readinessProbe: { httpGet: { path: '/ready', port: PORT_NAMES.admin }, periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 5 },
    resources: { requests: workload.requests },
    securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [{ name: 'config', mountPath: CONFIG_MOUNT, readOnly: true }, ...workload.mounts],
  };
}

function fromField(name: string, fieldPath: string): { name: string; valueFrom: { fieldRef: { fieldPath: string } } } {
  return { name, valueFrom: { fieldRef: { fieldPath } } };
}
