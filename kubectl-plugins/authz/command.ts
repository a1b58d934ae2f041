import { command } from '../shared/command.ts';
import { CLUSTER_FLAGS, NAMESPACE_FLAG, outputFlag } from '../shared/flags.ts';

export const authz = command({
  usage: 'authz <workload>',
  summary: 'Show who may call a workload, and which rule decides about a request',
  description:
    'Without a client it lists what is in force at each port of the workload: AuthorizationPolicies, probes, or the default policy. With one (--from, --from-ip or '
    + '--unauthenticated) it decides about a request as the proxy of the server does, and names the rule. Exit code 0: the request is allowed; 1: it is denied.',
  positionals: { workload: { describe: 'KIND/NAME, such as deploy/web, pod/web-1 or svc/web' } },
  flags: {
    namespace: NAMESPACE_FLAG,
    from: { type: 'string', requiresArg: true, describe: 'the client: sa/NAME, sa/NAMESPACE/NAME, or a mesh identity in full' },
    'from-ip': { type: 'string', requiresArg: true, describe: 'address of the client; without it, that of one of its pods' },
    unauthenticated: { type: 'boolean', describe: 'the client has no proxy, so no identity' },
    port: { alias: 'p', type: 'string', requiresArg: true, describe: 'port of the pod, by number or name; needed where it has several' },
    method: { type: 'string', requiresArg: true, describe: 'method of the request (default: GET)' },
    path: { type: 'string', requiresArg: true, describe: 'path of the request (default: /)' },
    tcp: { type: 'boolean', describe: 'a connection that is not HTTP, instead of a request' },
    output: outputFlag(['table', 'wide', 'json', 'yaml'], 'table', 'format of the output; wide adds what each policy targets'),
    ...CLUSTER_FLAGS,
  },
  examples: [
    ['authz deploy/books', 'what is in force at its ports'],
    ['authz deploy/books --from sa/web --method GET --path /list', 'may web do that?'],
    ['authz deploy/books --unauthenticated --from-ip 10.244.0.9 -p 8080', 'may a pod without a proxy?'],
  ],
}, async () => {
  const [{ validate }, { run }] = await Promise.all([import('./options.ts'), import('./run.ts')]);
  return { validate, run };
});
