import { command } from '../shared/command.ts';
import { CLUSTER_FLAGS, NAMESPACE_FLAG, outputFlag } from '../shared/flags.ts';

export const canary = command({
  usage: 'canary <workload>',
  summary: 'Try a new version of a Deployment on a share of its traffic',
  description:
    'Runs a new version of a Deployment beside it and gives it a growing share of the traffic of its Service. After each step the mesh\'s own figures decide: while they keep to '
    + 'the thresholds it goes on, and in the end the Deployment itself gets the new version; when they do not, everything is as before. Without flags it shows how far it is.',
  positionals: { workload: { describe: 'deploy/NAME' } },
  flags: {
    namespace: NAMESPACE_FLAG,
    image: { type: 'string', describe: 'the new image, or CONTAINER=IMAGE; several separated by commas', requiresArg: true },
    service: { type: 'string', describe: 'Service of the Deployment (default: the one that selects its pods)', requiresArg: true },
    port: { type: 'number', describe: 'port of the Service (default: the only one it has)', requiresArg: true },
    steps: { type: 'string', default: '5,25,50', describe: 'shares of the traffic in percent, one after the other', requiresArg: true },
    'blue-green': { type: 'boolean', describe: 'one step: all of the traffic at once, and back if it is not good' },
    header: { type: 'string', describe: 'NAME: VALUE; A/B test: requests with it go to the new version and no others, until --promote or --rollback', requiresArg: true },
    interval: { type: 'string', default: '1m', describe: 'how long a step lasts', requiresArg: true },
    'success-rate': { type: 'number', default: 99, describe: 'percent of its responses that have to succeed', requiresArg: true },
    'latency-p99': { type: 'string', describe: 'what the 99th percentile of its latency has to stay below', requiresArg: true },
    'min-requests': { type: 'number', default: 10, describe: 'fewer in an interval are too few to judge by', requiresArg: true },
    'max-failures': { type: 'number', default: 1, describe: 'bad intervals in a row before it is rolled back', requiresArg: true },
    'start-timeout': { type: 'string', default: '5m', describe: 'how long the new version may take to become available', requiresArg: true },
    pause: { type: 'boolean', describe: 'stay where it is' },
    resume: { type: 'boolean', describe: 'go on' },
    promote: { type: 'boolean', describe: 'give the Deployment the new version now' },
    rollback: { type: 'boolean', describe: 'go back now' },
    remove: { type: 'boolean', describe: 'remove the Canary and all that belongs to it' },
    wait: { type: 'boolean', default: true, describe: 'show how it goes until it has ended; --no-wait returns at once' },
    output: outputFlag(['yaml', 'json'], undefined, 'print the Canary and apply nothing'),
    ...CLUSTER_FLAGS,
  },
  examples: [
    ['canary deploy/web --image shop/web:2', '5, 25 and 50 percent of the traffic for a minute each, then all of it'],
    ['canary deploy/web --image shop/web:2 --steps 10,50 --interval 5m --latency-p99 300ms', 'slower, and with a limit to latency'],
    ['canary deploy/web --image shop/web:2 --blue-green', 'all at once'],
    ['canary deploy/web --image shop/web:2 --header "x-beta: yes"', 'A/B test'],
    ['canary deploy/web --pause', 'stay at this step; --resume goes on'],
  ],
}, async () => {
  const [{ validate }, { run }] = await Promise.all([import('./options.ts'), import('./run.ts')]);
  return { validate, run };
});
