import * as http from 'node:http';
import * as https from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import type { Authorization, Connection } from './connection.ts';
import { KubeError } from './error.ts';

export interface KubeconfigOptions {
  /** file; default: what KUBECONFIG or the home directory say, as kubectl does */
  path?: string | undefined;
  /** name of a context; default: the file's current one */
  context?: string | undefined;
}

/**
 * The connection that a kubeconfig file describes: certificates, tokens, exec plugins, OIDC, proxies. Loading and authentication are
 * @kubernetes/client-node's; it costs 60 MB of memory, so it is imported only here and only when called.
 *
 * @throws KubeError reason 'InvalidConfig' when the file, the context or its cluster is missing
 */
export async function kubeconfig(options: KubeconfigOptions = {}): Promise<Connection> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  try {
    if (options.path !== undefined) config.loadFromFile(options.path);
    else config.loadFromDefault();
  } catch (cause) {
    throw invalid(`cannot read ${options.path ?? 'the default kubeconfig'}: ${reasonOf(cause)}`);
  }
  if (options.context !== undefined) {
    if (!config.getContextObject(options.context)) throw invalid(unknownContext(options.context, config));
    config.setCurrentContext(options.context);
  }
  const cluster = config.getCurrentCluster();
  if (!cluster?.server) throw invalid(unknownContext(config.getCurrentContext() || '(none)', config));
  const server = new URL(cluster.server);
  const namespace = config.getContextObject(config.getCurrentContext())?.namespace || 'default';
  return server.protocol === 'http:' ? cleartext(config, server, namespace) : secured(config, server, namespace);
}

function secured(config: KubeConfig, server: URL, namespace: string): Connection {
  let agent: https.Agent | undefined;
  let made = '';
  return {
    server,
    namespace,
    async authorize() {
      const options: https.RequestOptions = { headers: {} };
      await config.applyToHTTPSOptions(options);
      const { headers, auth, agent: offered, ...tls } = options;
      const proxied = config.getCurrentCluster()?.proxyUrl !== undefined;
      // client-node's agent is kept per user and cluster, but a credential plugin may hand out a new certificate at any time.
      const fingerprint = JSON.stringify([tls.cert, tls.key]);
      if (!proxied && (!agent || fingerprint !== made)) {
        agent?.destroy();
        const { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername } = tls as https.AgentOptions;
        const given = Object.entries({ ca, cert, key, pfx, passphrase, rejectUnauthorized, servername }).filter(([, value]) => value !== undefined);
        agent = new https.Agent({ keepAlive: true, keepAliveMsecs: 30_000, ...Object.fromEntries(given) });
        made = fingerprint;
      }
      const result: Authorization = { headers: { ...(headers as Record<string, string>) }, agent: proxied ? (offered as https.Agent) : agent! };
      if (auth) result.headers['authorization'] = `Basic ${Buffer.from(auth).toString('base64')}`;
      return result;
    },
    close: () => agent?.destroy(),
  };
}

function cleartext(config: KubeConfig, server: URL, namespace: string): Connection {
  const agent = new http.Agent({ keepAlive: true });
  return {
    server,
    namespace,
    authorize() {
      const token = config.getCurrentUser()?.token;
      const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
      return Promise.resolve({ headers, agent });
    },
    close: () => agent.destroy(),
  };
}

function unknownContext(name: string, config: KubeConfig): string {
  const known = config.getContexts().map((context) => context.name);
  const list = known.length > 0 ? `it has: ${known.join(', ')}` : 'it has none';
  return `the kubeconfig has no usable context "${name}"; ${list}. Choose one with --context, or another file with --kubeconfig`;
}

/** A YAML error carries the text around it, which may be a private key: only its reason and line are told, and it is no `cause`. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  const { reason, mark } = error as { reason?: string; mark?: { line?: number } };
  return reason === undefined ? error.message : `${reason} in line ${(mark?.line ?? 0) + 1}`;
}

function invalid(message: string): KubeError {
  return new KubeError(0, 'InvalidConfig', message);
}
