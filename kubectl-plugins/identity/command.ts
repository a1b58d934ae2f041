import { command } from '../shared/command.ts';
import { ALL_NAMESPACES_FLAG, CLUSTER_FLAGS, NAMESPACE_FLAG, outputFlag, SELECTOR_FLAG } from '../shared/flags.ts';

export const identity = command({
  usage: 'identity [action] [what]',
  summary: 'Show trust anchors, issuer and certificates, and rotate them',
  description:
    'Shows whom the mesh trusts, who signs, how far a rotation is and what comes next; with -n or -A also the certificate of every proxy, asked of the proxy itself. '
    + '"identity rotate issuer" and "identity rotate anchor" have the control plane begin at once what it does by itself in time; no pod restarts and no request fails.',
  positionals: {
    action: { describe: 'rotate; nothing to look' },
    what: { describe: 'what to rotate: issuer or anchor' },
  },
  flags: {
    namespace: { ...NAMESPACE_FLAG, describe: 'show the proxies of this namespace' },
    'all-namespaces': { ...ALL_NAMESPACES_FLAG, describe: 'show the proxies of all namespaces' },
    selector: SELECTOR_FLAG,
    output: outputFlag(['table', 'json', 'yaml'], 'table'),
    wait: { type: 'boolean', describe: 'with rotate: wait until the new issuer, or the new anchor, is what certificates are signed under' },
    timeout: { type: 'string', requiresArg: true, describe: 'how long to wait', default: '15m' },
    ...CLUSTER_FLAGS,
  },
  examples: [
    ['identity', 'anchors, issuer, and the phase of a rotation'],
    ['identity -A', 'the same with the certificate of every proxy'],
    ['identity rotate issuer', 'sign with a new issuer from now on'],
    ['identity rotate anchor --wait', 'rotate the trust anchor and wait until it is in use'],
  ],
}, async () => {
  const [{ validate }, { run }] = await Promise.all([import('./options.ts'), import('./run.ts')]);
  return { validate, run };
});
