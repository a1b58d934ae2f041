import { command } from '../shared/command.ts';
import { CLUSTER_FLAGS, NAMESPACE_FLAG, outputFlag } from '../shared/flags.ts';

const value = (describe: string) => ({ type: 'string', requiresArg: true, describe }) as const;

export const tap = command({
  usage: 'tap <workloads..>',
  summary: 'Watch the requests of a workload as they happen',
  description:
    'Prints what the proxies of a workload see, as it happens: a line when a request begins (req), one when its answer begins (rsp), one when it ends (end). Runs until '
    + 'Ctrl-C, --limit or --for. Needs the right to watch the workload\'s "tap" in API group tap.kubectl-mesh.io, which the roles edit and admin include.',
  positionals: { workloads: { describe: 'KIND/NAME or KIND NAME; deploy, sts, ds, job, cj, rs, po or ns', array: true } },
  flags: {
    namespace: NAMESPACE_FLAG,
    method: value('only requests with this method'),
    path: value('only requests whose path begins so'),
    authority: value('only requests to this authority (host)'),
    scheme: value('only requests with this scheme'),
    status: value('only exchanges answered with this status: 503, or a class such as 5xx; printed once the answer is there'),
    to: value('only requests to this workload, KIND/NAME'),
    'to-namespace': value('namespace of that workload, or of the destinations to show'),
    'max-rps': { ...value('most requests a second, over all proxies together'), default: '100' },
    limit: value('end after this many lines'),
    for: value('end after this long, e.g. 10s'),
    output: outputFlag(['text', 'wide', 'json'], 'text', 'format of the lines; wide adds what is known of both sides, json adds headers'),
    ...CLUSTER_FLAGS,
  },
  examples: [
    ['tap deploy/web', 'all requests that web receives and sends'],
    ['tap deploy/web --status 5xx', 'those that fail'],
    ['tap deploy/web --to deploy/books --path /api --limit 20', 'twenty lines of what web asks books'],
    ['tap deploy/web -o json --for 10s', 'with headers, for ten seconds'],
  ],
}, async () => {
  const [{ validate }, { run }] = await Promise.all([import('./options.ts'), import('./run.ts')]);
  return { validate, run };
});
