/** `npm run fuzz -- TARGET [--seconds N] [--seed N]`: mutates for a while; an input that breaks something is made smaller and saved in the corpus. */
import { parseArgs } from 'node:util';
import { load, save } from './corpus.ts';
import { fuzz, shrink } from './engine.ts';
import { TARGETS } from './targets.ts';

const USAGE = `usage: npm run fuzz -- TARGET|all [--seconds N] [--seed N]\ntargets: ${TARGETS.map((t) => t.name).join(', ')}`;

async function main(args: string[]): Promise<number> {
  let parsed;
  try {
    parsed = parseArgs({ args, allowPositionals: true, options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string', default: '1' } } });
  } catch (e) {
    console.error(`${(e as Error).message}\n${USAGE}`);
    return 2;
  }
  const [name] = parsed.positionals;
  const [seconds, seed] = [Number(parsed.values.seconds), Number(parsed.values.seed)];
  const targets = TARGETS.filter((t) => name === 'all' || t.name === name);
  if (parsed.positionals.length !== 1 || targets.length === 0 || !(seconds > 0) || !Number.isInteger(seed)) {
    console.error(USAGE);
    return 2;
  }
  let failed = false;
  for (const target of targets) {
    const until = performance.now() + seconds * 1000;
    const result = await fuzz(target, load(target.name).map((s) => s.bytes), seed, () => performance.now() < until);
    console.log(`${target.name}: ${result.runs} inputs, ${result.outcomes.size} outcomes${result.failure === null ? '' : ', FAILED'}`);
    if (result.failure === null) continue;
    failed = true;
    const { input, error } = await shrink(target, result.failure);
    console.error(`${error.message}\n${JSON.stringify(input.toString('latin1'))}\nsaved as corpus/${target.name}/${save(target.name, 'crash', input)}`);
  }
  return failed ? 1 : 0;
}

process.exit(await main(process.argv.slice(2)));
