import { command } from '../shared/command.ts';
import { CLUSTER_FLAGS, NAMESPACE_FLAG, outputFlag } from '../shared/flags.ts';

export const split = command({
  usage: 'split <service> [weights..]',
  summary: 'Shift a share of a Service\'s traffic to other Services',
  description:
    'Sends the requests for a Service to other Services by weight. It shows what changes, applies an HTTPRoute named after the Service, waits until the mesh has taken it, and '
    + 'then shows where the traffic really goes. Without weights it shows the split as it is; weights are any whole numbers, and what is not named gets nothing.',
  positionals: {
    service: { describe: 'svc/NAME, or NAME: the Service that clients call' },
    weights: { describe: 'SERVICE=WEIGHT for each Service that is to get a share', array: true },
  },
  flags: {
    namespace: NAMESPACE_FLAG,
    port: { type: 'number', describe: 'port of the Service (default: the only one it has)', requiresArg: true },
    remove: { type: 'boolean', describe: 'end the split: the Service gets its own traffic again' },
    watch: { type: 'string', default: '30s', describe: 'how long to show the effect; 0s for not at all', requiresArg: true },
    'dry-run': { type: 'boolean', describe: 'show what would change, and apply nothing' },
    output: outputFlag(['yaml', 'json'], undefined, 'print the HTTPRoute and apply nothing'),
    ...CLUSTER_FLAGS,
  },
  examples: [
    ['split svc/web web-v1=90 web-v2=10', 'one request in ten goes to web-v2'],
    ['split svc/web web-v1=0 web-v2=1', 'all of them do'],
    ['split svc/web', 'the weights, and where the traffic goes'],
    ['split svc/web --remove', 'end it'],
  ],
}, async () => {
  const [{ validate }, { run }] = await Promise.all([import('./options.ts'), import('./run.ts')]);
  return { validate, run };
});
