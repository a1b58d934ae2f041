import { join } from 'node:path';
import { PATHS } from '../api/names.ts';
import { PORTS } from '../api/ports.ts';
import { LOG_LEVELS, type LogLevel } from '../lib/log.ts';

/** Ports that control services listen on, by default those of api/ports.ts; 0 lets the system choose. */
export type ControlPorts = Record<'identity' | 'destination' | 'policy' | 'webhook' | 'api' | 'controlAdmin', number>;

export interface ControlEnv {
  podName: string;
  podNamespace: string;
  /** own address; '' when unknown */
  podIp: string;
  /** YAML of api/config.ts MeshConfig */
  configFile: string;
  /** projected ServiceAccount token with audience TOKEN_AUDIENCE */
  tokenFile: string;
  /** PEM, one or more certificates; replaced by symlink swap when the ConfigMap changes */
  anchorsFile: string;
  /** host:port of mesh-identity; '' = its Service */
  identityAddr: string;
  /** address to listen on */
  listenHost: string;
  ports: ControlPorts;
  /** in-cluster API server; '' = none in the environment */
  kubernetesHost: string;
  kubernetesPort: string;
  /** where ca.crt, token and namespace of the pod's own ServiceAccount are */
  kubernetesCredentials: string;
  logLevel: LogLevel;
}

const CREDENTIALS = '/var/run/secrets/kubernetes.io/serviceaccount';
const MOUNTS = '/var/run/kubectl-mesh';

/** A variable that cannot be used; the message says which and what is allowed. */
export class EnvError extends Error {
  override readonly name = 'EnvError';
}

/**
 * Variables: POD_NAME, POD_NAMESPACE and POD_IP from the downward API; the rest have defaults that fit the installed manifests:
 * MESH_CONTROL_CONFIG_FILE, _TOKEN_FILE, _ANCHORS_FILE, _IDENTITY_ADDR, _LISTEN_HOST, _LOG (error, warn, info, debug), _KUBERNETES_CREDENTIALS,
 * and _PORT_IDENTITY, _PORT_DESTINATION, _PORT_POLICY, _PORT_WEBHOOK, _PORT_API, _PORT_CONTROLADMIN.
 */
export function readEnv(env: NodeJS.ProcessEnv): ControlEnv {
  const own = (name: string, fallback: string): string => env[`MESH_CONTROL_${name}`] || fallback;
  const logLevel = own('LOG', 'info');
  if (!(LOG_LEVELS as readonly string[]).includes(logLevel)) {
    throw new EnvError(`MESH_CONTROL_LOG is '${logLevel}'; use one of ${LOG_LEVELS.join(', ')}`);
  }
  const port = (name: keyof ControlPorts): number => {
    const variable = `PORT_${name.toUpperCase()}`;
    const text = own(variable, String(PORTS[name]));
    const value = Number(text);
    if (!Number.isInteger(value) || value < 0 || value > 65535) throw new EnvError(`MESH_CONTROL_${variable} is '${text}'; use a number from 0 to 65535`);
    return value;
  };
  return {
    podName: env['POD_NAME'] ?? '',
    podNamespace: env['POD_NAMESPACE'] ?? '',
    podIp: env['POD_IP'] ?? '',
    configFile: own('CONFIG_FILE', join(MOUNTS, 'config', 'config.yaml')),
    tokenFile: own('TOKEN_FILE', PATHS.token),
    anchorsFile: own('ANCHORS_FILE', PATHS.anchors),
    identityAddr: own('IDENTITY_ADDR', ''),
    listenHost: own('LISTEN_HOST', '0.0.0.0'),
    ports: {
      identity: port('identity'), destination: port('destination'), policy: port('policy'),
      webhook: port('webhook'), api: port('api'), controlAdmin: port('controlAdmin'),
    },
    kubernetesHost: env['KUBERNETES_SERVICE_HOST'] ?? '',
    kubernetesPort: env['KUBERNETES_SERVICE_PORT'] ?? '',
    kubernetesCredentials: own('KUBERNETES_CREDENTIALS', CREDENTIALS),
    logLevel: logLevel as LogLevel,
  };
}
