import { command } from '../shared/command.ts';
import { ALL_NAMESPACES_FLAG, CLUSTER_FLAGS, NAMESPACE_FLAG, outputFlag, SELECTOR_FLAG } from '../shared/flags.ts';

export const stat = command({
  usage: 'stat <workloads..>',
  summary: 'Show success rate, requests per second and latency',
  description:
    'Shows the traffic that workloads received in the last seconds, as their proxies measured it: how many of their pods are meshed, which share of requests succeeded, '
    + 'how many there were a second, and how long answers took.',
  positionals: { workloads: { describe: 'KIND, KIND/NAME or KIND NAME; deploy, sts, ds, job, cj, rs, po, ns or svc', array: true } },
  flags: {
    namespace: NAMESPACE_FLAG,
    'all-namespaces': ALL_NAMESPACES_FLAG,
    selector: SELECTOR_FLAG,
    'time-window': { alias: 't', type: 'string', requiresArg: true, default: '1m', describe: 'how far to look back' },
    output: outputFlag(['table', 'wide', 'json', 'yaml'], 'table', 'format of the output; wide adds bytes per second'),
    ...CLUSTER_FLAGS,
  },
  examples: [
    ['stat deploy', 'the Deployments of the namespace'],
    ['stat deploy/web -t 10s -o wide', 'one, over the last ten seconds'],
    ['stat ns -A', 'every namespace'],
  ],
}, async () => {
  const [{ validate }, { run }] = await Promise.all([import('./options.ts'), import('./run.ts')]);
  return { validate, run };
});
