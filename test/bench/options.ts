import yargs from 'yargs';
import { CASES, type LoadCase } from './cases.ts';
import { RUNTIMES, type RuntimeName } from './runtimes.ts';
import { SUBJECTS, type SubjectName } from './subjects.ts';

export interface Options {
  seconds: number;
  rounds: number;
  cases: LoadCase[];
  subjects: SubjectName[];
  runtimes: RuntimeName[];
  policy: 'full' | 'plain';
  /** requests/s of the open loops; [] for none */
  rates: number[];
  memory: boolean;
  settleSeconds: number;
  /** cases to profile in place of measuring; [] for none */
  profile: LoadCase[];
  profileDir: string;
  proxyCore: number;
  loadCore: number;
  /** flags of the proxy's runtime; null for those of its image */
  nodeFlags: string[] | null;
  /** K=V, added to the proxy's environment */
  proxyEnv: string[];
  /** file for the raw numbers, '' for none */
  json: string;
}

const NONE = 'none';
const caseNames = CASES.map((c) => c.name);
const QUICK = { seconds: 2, rounds: 1, settle: 5, latency: '1000' };
const USUAL = { seconds: 5, rounds: 3, settle: 60, latency: '1000,2000' };

export async function parseOptions(argv: string[]): Promise<Options> {
  const parser = yargs(argv)
    .scriptName('npm run bench --')
    .usage('$0 [options]\n\nMeasures the proxy beside haproxy and nginx on the same path: load, redirect, proxy on one core, server. Asserts nothing.\n'
      + 'Without options everything is measured, in about 20 minutes.')
    .option('cases', { type: 'string', default: caseNames.join(','), describe: 'cases to measure, or "none"' })
    .option('subjects', { type: 'string', default: SUBJECTS.filter((s) => s !== 'codec').join(','), describe: `any of ${SUBJECTS.join(', ')}` })
    .option('runtime', { type: 'string', default: 'node24', describe: `runtimes of the proxies, side by side: any of ${RUNTIMES.join(', ')}` })
    .option('policy', { choices: ['full', 'plain'] as const, default: 'full' as const, describe: 'full: route with retries and timeouts, authorization. plain: discovery alone' })
    .option('latency', { type: 'string', defaultDescription: USUAL.latency, describe: 'requests/s of the open loops, or "none"' })
    .option('memory', { type: 'boolean', default: true, describe: 'the table of memory; --no-memory leaves it out' })
    .option('seconds', { type: 'number', defaultDescription: String(USUAL.seconds), describe: 'length of one run' })
    .option('rounds', { type: 'number', defaultDescription: String(USUAL.rounds), describe: 'runs of each, alternated; medians are shown' })
    .option('settle', { type: 'number', defaultDescription: String(USUAL.settle), describe: 'seconds between the load and the last look at memory' })
    .option('quick', { type: 'boolean', default: false, describe: 'runs of 2 s, one round, one rate, short waits; about 5 minutes' })
    .option('profile', { type: 'string', default: NONE, describe: 'CPU profiles of the proxies in these cases, in place of measuring' })
    .option('profile-dir', { type: 'string', default: 'bench-profiles', describe: 'folder for .cpuprofile, flame graph (.svg) and table (.md)' })
    .option('proxy-core', { type: 'number', default: 1, describe: 'CPU of the proxies' })
    .option('load-core', { type: 'number', default: 0, describe: 'CPU of everything else' })
    .option('node-flags', { type: 'string', describe: "flags of the proxy's runtime in place of those of its image: --node-flags=\"--a --b\"" })
    .option('proxy-env', { type: 'string', default: '', describe: 'K=V,K=V added to the environment of the proxy' })
    .option('json', { type: 'string', default: '', describe: 'file for the raw numbers' })
    .example('$0 --cases h1-32,h2-4x32 --latency none --no-memory', 'two cases, about 2 minutes')
    .example('$0 --quick --cases none --no-memory', 'latency alone, a quick look')
    .example('$0 --runtime node24,node26,bun --subjects plain,mtls', 'the runtimes side by side')
    .example('$0 --profile h1-32 --subjects mtls', 'where the time goes')
    .epilogue(`Cases:\n${CASES.map((c) => `  ${c.name.padEnd(10)} ${c.title}`).join('\n')}`)
    .wrap(120)
    .strict();
  const o = await parser.parseAsync();
  const usual = o.quick ? QUICK : USUAL;
  const cases = named(o.cases, caseNames, '--cases');
  const profile = named(o.profile, caseNames, '--profile');
  const options: Options = {
    seconds: o.seconds ?? usual.seconds, rounds: o.rounds ?? usual.rounds, settleSeconds: o.settle ?? usual.settle,
    cases: CASES.filter((c) => cases.includes(c.name)), profile: CASES.filter((c) => profile.includes(c.name)), profileDir: o.profileDir,
    subjects: named(o.subjects, [...SUBJECTS], '--subjects'), runtimes: named(o.runtime, [...RUNTIMES], '--runtime'),
    policy: o.policy, rates: rates(o.latency ?? usual.latency), memory: o.memory, proxyCore: o.proxyCore, loadCore: o.loadCore, json: o.json,
    nodeFlags: o.nodeFlags === undefined ? null : words(o.nodeFlags, ' '), proxyEnv: words(o.proxyEnv, ','),
  };
  if (!(options.seconds >= 1 && options.rounds >= 1 && options.settleSeconds >= 0)) throw new OptionError('--seconds and --rounds are at least 1, --settle at least 0');
  if (options.subjects.length === 0 || options.runtimes.length === 0) throw new OptionError('--subjects and --runtime need at least one name');
  return options;
}

/** Options that cannot be meant so; the message says which. */
export class OptionError extends Error {}

function words(text: string, separator: string): string[] {
  return text.split(separator).map((s) => s.trim()).filter((s) => s !== '');
}

function named<T extends string>(text: string, known: T[], flag: string): T[] {
  const wanted = words(text, ',').filter((w) => w !== NONE);
  const unknown = wanted.find((w) => !known.includes(w as T));
  if (unknown !== undefined) throw new OptionError(`${flag}: "${unknown}" is none of ${known.join(', ')}`);
  return known.filter((k) => wanted.includes(k));
}

function rates(text: string): number[] {
  return words(text, ',').filter((w) => w !== NONE).map((w) => {
    const rate = Number(w);
    if (!Number.isInteger(rate) || rate < 1) throw new OptionError(`--latency: "${w}" is not a number of requests per second`);
    return rate;
  });
}
