import yargs from 'yargs';
import { CASES, type LoadCase } from './load.ts';
import { SUBJECTS, type SubjectName } from './subjects.ts';

export interface Options {
  seconds: number;
  rounds: number;
  cases: LoadCase[];
  subjects: SubjectName[];
  settleSeconds: number;
  proxyCore: number;
  loadCore: number;
  /** Node flags of the proxy; null for those of its image */
  nodeFlags: string[] | null;
  /** K=V, added to the proxy's environment */
  proxyEnv: string[];
  /** file for the raw numbers, '' for none */
  json: string;
}

export async function parseOptions(argv: string[]): Promise<Options> {
  const o = await yargs(argv)
    .scriptName('npm run bench --')
    .usage('$0 [options]\n\nMeasures the proxy beside haproxy on the same path: load, redirect, proxy on one core, nginx. Asserts nothing.')
    .option('seconds', { type: 'number', default: 8, describe: 'length of one run' })
    .option('rounds', { type: 'number', default: 3, describe: 'runs of each, alternated; medians are shown' })
    .option('cases', { type: 'string', default: 'h1-32,h2-4x32', describe: `any of ${CASES.map((c) => c.name).join(', ')}` })
    .option('subjects', { type: 'string', default: SUBJECTS.join(','), describe: `any of ${SUBJECTS.join(', ')}` })
    .option('settle', { type: 'number', default: 60, describe: 'seconds between the load and the last look at memory' })
    .option('proxy-core', { type: 'number', default: 1, describe: 'CPU of the proxies' })
    .option('load-core', { type: 'number', default: 0, describe: 'CPU of everything else' })
    .option('node-flags', { type: 'string', describe: 'Node flags of the proxy in place of those of its image: --node-flags="--a --b"' })
    .option('proxy-env', { type: 'string', default: '', describe: 'K=V,K=V added to the environment of the proxy' })
    .option('json', { type: 'string', default: '', describe: 'file for the raw numbers' })
    .example('$0 --cases h1-32 --seconds 3 --rounds 1 --settle 0', 'a quick look')
    .strict()
    .check((args) => {
      pick(args.cases, CASES.map((c) => c.name), '--cases');
      pick(args.subjects, [...SUBJECTS], '--subjects');
      if (!(args.seconds >= 1 && args.rounds >= 1 && args.settle >= 0)) throw new Error('--seconds and --rounds are at least 1, --settle at least 0');
      return true;
    })
    .parseAsync();
  const cases = pick(o.cases, CASES.map((c) => c.name), '--cases');
  return {
    seconds: o.seconds, rounds: o.rounds, cases: CASES.filter((c) => cases.includes(c.name)), subjects: pick(o.subjects, [...SUBJECTS], '--subjects'),
    settleSeconds: o.settle, proxyCore: o.proxyCore, loadCore: o.loadCore, json: o.json,
    nodeFlags: o.nodeFlags === undefined ? null : words(o.nodeFlags, ' '), proxyEnv: words(o.proxyEnv, ','),
  };
}

function words(text: string, separator: string): string[] {
  return text.split(separator).map((s) => s.trim()).filter((s) => s !== '');
}

function pick<T extends string>(text: string, known: T[], flag: string): T[] {
  const wanted = words(text, ',');
  const unknown = wanted.find((w) => !known.includes(w as T));
  if (unknown !== undefined || wanted.length === 0) throw new Error(`${flag}: "${unknown ?? ''}" is none of ${known.join(', ')}`);
  return known.filter((k) => wanted.includes(k));
}
