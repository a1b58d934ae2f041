import { command } from '../shared/command.ts';
import { ALL_NAMESPACES_FLAG, CLUSTER_FLAGS, NAMESPACE_FLAG, outputFlag } from '../shared/flags.ts';

export const edges = command({
  usage: 'edges <workload>',
  summary: 'Show who talks to whom, and whether mutual TLS secures it',
  description: 'Shows every connection between workloads that a proxy sees now: from where to where, and √ when mutual TLS secures it, or the reason why not.',
  positionals: { workload: { describe: 'KIND or KIND/NAME; deploy, sts, ds, job, cj, rs or po' } },
  flags: {
    namespace: NAMESPACE_FLAG,
    'all-namespaces': ALL_NAMESPACES_FLAG,
    output: outputFlag(['table', 'wide', 'json', 'yaml'], 'table', 'format of the output; wide adds the identities of both sides'),
    ...CLUSTER_FLAGS,
  },
  examples: [
    ['edges deploy', 'the Deployments of the namespace'],
    ['edges po -A -o wide', 'every pod, with identities'],
  ],
}, async () => {
  const [{ validate }, { run }] = await Promise.all([import('./options.ts'), import('./run.ts')]);
  return { validate, run };
});
