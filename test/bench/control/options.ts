import yargs from 'yargs';
import { OptionError } from '../options.ts';

/** In the order in which they run: what comes later needs what an earlier one made. */
export const CASES = {
  start: 'both pods deleted: from the start of their processes until they are ready',
  sample: 'memory of the whole default control plane with the sample application',
  scale: 'the same with the simulated workloads and endpoints, and its start with them',
  streams: 'watching streams: memory of each, and how long an EndpointSlice change takes to the first and the last of them',
  rollout: 'every endpoint of one Service replaced by another, one after the other, while all streams watch',
  certificates: 'certificates a second, each for a token of its own that the API server reviews',
  routes: 'from the edit of an HTTPRoute to the policy that proxies watch',
} as const;
export type CaseName = keyof typeof CASES;

export interface ControlOptions {
  cases: CaseName[];
  workloads: number;
  /** of all workloads together */
  endpoints: number;
  streams: number;
  /** endpoints that the rollout replaces */
  rollout: number;
  /** replaced a second */
  pace: number;
  certificates: number;
  /** file for the figures, '' for none */
  json: string;
  keep: boolean;
  verbose: boolean;
}

const names = Object.keys(CASES) as CaseName[];

/** Throws OptionError. */
export async function parseControlOptions(argv: string[]): Promise<ControlOptions> {
  const size = (describe: string, value: number) => ({ type: 'number', default: value, describe }) as const;
  const o = await yargs(argv)
    .scriptName('npm run bench:control --')
    .usage('$0 [options]\n\nMeasures the control plane as it ships, in a local cluster of its own with a real API server, and prints a table of figures beside their targets. '
      + 'Asserts nothing.\nWorkloads beyond the sample application are objects in the API server; proxies are a client with real TLS, tokens and certificates.')
    .option('cases', { type: 'string', default: names.join(','), describe: 'what to measure, by name' })
    .option('workloads', size('simulated Deployments, each with a Service', 1000))
    .option('endpoints', size('simulated pods of all of them together', 10_000))
    .option('streams', size('proxies that watch, each on a connection of its own', 1000))
    .option('rollout', size('endpoints that the rolling update replaces', 1000))
    .option('pace', size('endpoints that it replaces in a second', 30))
    .option('certificates', size('certificates to ask for', 3000))
    .option('json', { type: 'string', default: '', describe: 'file for the figures' })
    .option('keep', { type: 'boolean', default: false, describe: 'leave the cluster running' })
    .option('verbose', { type: 'boolean', default: false, describe: 'show where an error comes from' })
    .example('$0 --cases streams --streams 200 --workloads 50 --endpoints 500', 'a quick look')
    .epilogue(`Cases:\n${names.map((name) => `  ${name.padEnd(13)}${CASES[name]}`).join('\n')}`)
    .wrap(120)
    .strict()
    .parseAsync();
  const wanted = o.cases.split(',').map((name) => name.trim()).filter((name) => name !== '');
  const unknown = wanted.find((name) => !Object.hasOwn(CASES, name));
  if (unknown !== undefined || wanted.length === 0) throw new OptionError(`--cases: "${unknown ?? ''}" is none of ${names.join(', ')}`);
  for (const name of ['workloads', 'endpoints', 'streams', 'rollout', 'pace', 'certificates'] as const) {
    if (!Number.isInteger(o[name]) || o[name] < 1) throw new OptionError(`--${name} is a whole number of 1 or more`);
  }
  if (o.endpoints > 60_000 || o.rollout > 5000) throw new OptionError('--endpoints is at most 60000 and --rollout at most 5000: the simulated addresses end there');
  return {
    cases: names.filter((name) => wanted.includes(name)), workloads: o.workloads, endpoints: o.endpoints, streams: o.streams, rollout: o.rollout, pace: o.pace,
    certificates: o.certificates, json: o.json, keep: o.keep, verbose: o.verbose,
  };
}
