import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import * as http from 'node:http';
import * as https from 'node:https';
import { join } from 'node:path';
import { KubeError } from './error.ts';

/** How to reach and convince one API server. */
export interface Connection {
  /** scheme, host, port and path prefix, e.g. https://10.96.0.1:443 */
  readonly server: URL;
  /** namespace for calls that name none */
  readonly namespace: string;
  /** Headers and agent for the next request; `fresh` after a 401, so that a cached token is read again. */
  authorize(fresh: boolean): Promise<Authorization>;
  /** Closes idle sockets. */
  close(): void;
}

export interface Authorization {
  headers: Record<string, string>;
  agent: http.Agent | https.Agent;
  /** further options of node:https request (TLS of a kubeconfig) */
  options?: https.RequestOptions;
}

/** Where Kubernetes mounts a pod's credentials. */
export const SERVICE_ACCOUNT_DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount';
/** A projected token is replaced at 80 % of its life, an hour at least, so a minute behind is never too late. */
const TOKEN_MAX_AGE_MS = 60_000;

export interface InClusterOptions {
  /** KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT */
  host: string;
  port: string;
  now: () => number;
  directory?: string;
}

/** The connection of a pod: its ServiceAccount token (read again as it rotates) and the cluster's CA. */
export function inCluster(options: InClusterOptions): Connection {
  const directory = options.directory ?? SERVICE_ACCOUNT_DIRECTORY;
  const tokenFile = join(directory, 'token');
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  let ca: Buffer;
  let namespace = 'default';
  try {
    ca = readFileSync(join(directory, 'ca.crt'));
    namespace = readFileSync(join(directory, 'namespace'), 'utf8').trim() || namespace;
  } catch (cause) {
    throw new KubeError(
      0, 'Unauthorized',
      `this pod has no ServiceAccount credentials in ${directory}; set automountServiceAccountToken: true in its pod spec`, undefined, cause,
    );
  }
  const agent = new https.Agent({ keepAlive: true, keepAliveMsecs: 30_000, ca });
  let token = '';
  let readAt = Number.NEGATIVE_INFINITY;
  return {
    server: new URL(`https://${host}:${options.port}`),
    namespace,
    async authorize(fresh) {
      if (fresh || options.now() - readAt >= TOKEN_MAX_AGE_MS) {
        token = (await readFile(tokenFile, 'utf8')).trim();
        readAt = options.now();
      }
      return { headers: { authorization: `Bearer ${token}` }, agent };
    },
    close: () => agent.destroy(),
  };
}

/** A server reached without credentials of any kind, e.g. `kubectl proxy`. */
export function plain(server: string, namespace = 'default'): Connection {
  const url = new URL(server);
  const agent = url.protocol === 'http:' ? new http.Agent({ keepAlive: true }) : new https.Agent({ keepAlive: true });
  return { server: url, namespace, authorize: () => Promise.resolve({ headers: {}, agent }), close: () => agent.destroy() };
}
