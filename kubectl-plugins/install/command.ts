import { DEFAULT_CLUSTER_DOMAIN, DEFAULT_TRUST_DOMAIN } from '../../api/names.ts';
import { DEFAULT_OPAQUE_PORTS, DEFAULT_SKIP_PORTS } from '../../api/ports.ts';
import { DEFAULT_REGISTRY } from '../../api/version.ts';
import { command } from '../shared/command.ts';
import { DEFAULT_POLICIES } from '../../lib/authz/default-policy.ts';
import { CLUSTER_FLAGS, outputFlag } from '../shared/flags.ts';
import { LOG_LEVELS, PULL_POLICIES } from './choices.ts';

const value = (describe: string, fallback?: string) => ({ type: 'string', requiresArg: true, describe, ...(fallback && { default: fallback }) }) as const;
const choice = (describe: string, choices: readonly string[], fallback: string) => ({ ...value(describe, fallback), choices }) as const;
const PRIVATE_NETWORKS = '10.0.0.0/8,100.64.0.0/10,172.16.0.0/12,192.168.0.0/16,fd00::/8';

export const install = command({
  usage: 'install',
  summary: 'Put the control plane into the cluster',
  description:
    'Creates the control plane in namespace mesh-system and waits until it works. Nothing has to be configured: the control plane makes a certificate '
    + 'authority and rotates it. An install that was interrupted is completed by running it again. With -o yaml the manifests are printed and the cluster stays as it is.',
  flags: {
    output: outputFlag(['yaml', 'json'], undefined, 'print the manifests instead of applying them'),
    wait: { type: 'boolean', default: true, describe: 'wait until everything is ready; --no-wait returns once all is applied' },
    timeout: value('how long to wait', '5m'),
    force: { type: 'boolean', describe: 'apply over an existing install, keeping its certificate authority' },
    'keep-on-failure': { type: 'boolean', describe: 'leave what was created in place when the install fails, to look into it' },
    registry: value('where the images are pulled from', DEFAULT_REGISTRY),
    'image-pull-policy': choice('when images are pulled', PULL_POLICIES, 'IfNotPresent'),
    'trust-domain': value('root of the identities', DEFAULT_TRUST_DOMAIN),
    'cluster-domain': value('DNS suffix of the cluster', DEFAULT_CLUSTER_DOMAIN),
    'cluster-networks': value('networks of pods and services', PRIVATE_NETWORKS),
    'issuance-lifetime': value('how long a workload certificate is valid', '24h'),
    'issuer-lifetime': value('how long the issuer of those certificates is valid; replaced at two thirds', '720h'),
    'anchor-lifetime': value('how long a trust anchor is valid; replaced from two thirds on', '8760h'),
    'rotation-patience': value('how long a rotation waits for proxies that do not say they trust the new anchor', '1h'),
    'identity-external-issuer': { type: 'boolean', describe: 'Secret mesh-identity-issuer is written by somebody else, such as cert-manager' },
    'identity-issuer-certificate-file': value('PEM file of your own issuer certificate'),
    'identity-issuer-key-file': value('PEM file of its private key'),
    'identity-trust-anchors-file': value('PEM file of the certificates that all proxies trust'),
    'proxy-log-level': choice('how much proxies log', LOG_LEVELS, 'warn'),
    'proxy-cpu-request': value('CPU that a proxy asks for, e.g. 100m'),
    'proxy-cpu-limit': value('CPU that a proxy may use'),
    'proxy-memory-request': value('memory that a proxy asks for, e.g. 32Mi'),
    'proxy-memory-limit': value('memory that a proxy may use'),
    'default-inbound-policy': choice('who may call meshed pods when no policy says so', DEFAULT_POLICIES, 'all-unauthenticated'),
    'skip-inbound-ports': value('ports and ranges whose incoming connections bypass the proxy', DEFAULT_SKIP_PORTS.join(',')),
    'skip-outbound-ports': value('ports and ranges whose outgoing connections bypass the proxy', DEFAULT_SKIP_PORTS.join(',')),
    'opaque-ports': value('ports carried as plain TCP without looking inside', DEFAULT_OPAQUE_PORTS.join(',')),
    canary: { type: 'boolean', describe: 'lead canaries too: adds a Deployment that may change Deployments, for kubectl mesh canary' },
    ha: { type: 'boolean', describe: 'three replicas of the control plane, spread over nodes and zones, none of which is missed when it ends' },
    'shutdown-grace-period': value('how long a proxy may drain its connections', '30s'),
    ...CLUSTER_FLAGS,
  },
  examples: [
    ['install', 'install with the defaults and wait until it is ready'],
    ['install -o yaml | kubectl apply -f -', 'the same through your own tools'],
    ['install --ha', 'three replicas of the control plane; --force turns an existing install into one, or back'],
    ['install --registry registry.example.com/mesh', 'pull the images from a registry of your own'],
    ['install --force --proxy-log-level info', 'change a setting of an existing install'],
  ],
}, async () => {
  const [{ validate }, { run }] = await Promise.all([import('./options.ts'), import('./run.ts')]);
  return { validate, run };
});
