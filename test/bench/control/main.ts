/** `npm run bench:control`: figures of the control plane against a real API server, in a local cluster of its own. */
import { writeFileSync } from 'node:fs';
import { hideBin } from 'yargs/helpers';
import { readEnv } from '../../mesh/env.ts';
import { mainRun } from '../../mesh/main.ts';
import { annotateAll, applySample, awaitRollouts, sampleManifests } from '../../mesh/sample.ts';
import { OptionError } from '../options.ts';
import { certificates } from './cases/certificates.ts';
import { rollout } from './cases/rollout.ts';
import { routes } from './cases/routes.ts';
import { sample } from './cases/sample.ts';
import { scale } from './cases/scale.ts';
import { start } from './cases/start.ts';
import { streams } from './cases/streams.ts';
import { parseControlOptions, type CaseName, type ControlOptions } from './options.ts';
import { patternOf } from './simulate.ts';
import { figureTable, type Figure } from './table.ts';
import { bringUp, CLUSTER, type World } from './world.ts';

const WORK: Record<CaseName, (world: World) => Promise<void>> = { start, sample, scale, streams, rollout, certificates, routes };

const options = await parseControlOptions(hideBin(process.argv)).catch((error: unknown): ControlOptions => {
  if (!(error instanceof OptionError)) throw error;
  process.stderr.write(`error: ${error.message}\n`);
  process.exit(2);
});
const figures: Figure[] = [];
await mainRun({ keep: options.keep, verbose: options.verbose, removeWith: `npm run cluster -- down --name ${CLUSTER}` }, async (run) => {
  const env = readEnv();
  const base = await bringUp(run, env, options);
  await run.step('Deploying and meshing the sample application', async () => {
    await applySample(base.up.kube, await sampleManifests(env.root));
    await annotateAll(base.up.kube);
    await awaitRollouts(base.up.kube);
  });
  const world: World = {
    ...base, options, env, run, leaves: [], still: false, pattern: await patternOf(base), simulated: [], crowd: [],
    figure(figure) {
      figures.push(figure);
      run.log(`  ${figure.case}: ${figure.what.trim()}: ${figure.value.toFixed(2)} ${figure.unit}`);
    },
  };
  try {
    for (const name of options.cases) await run.step(`Case ${name}`, () => WORK[name](world));
  } finally {
    if (figures.length > 0) process.stdout.write(`\n${figureTable(figures)}\n\n`);
    if (options.json !== '') writeFileSync(options.json, `${JSON.stringify(figures, undefined, 2)}\n`);
  }
});
