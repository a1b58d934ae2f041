/** `npm run conformance`: Gateway API's official suite against the mesh on a real cluster. */
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { INJECT } from '../../../api/annotations.ts';
import { VERSION } from '../../../api/version.ts';
import { programs } from '../../cluster/local/binaries.ts';
import { applyGatewayApi, moduleSources } from '../../gateway-api/module.ts';
import { bringUpCluster, bringUpMesh } from '../../mesh/bring-up.ts';
import { readEnv } from '../../mesh/env.ts';
import { MeshError } from '../../mesh/errors.ts';
import { buildAllImages, loadImages } from '../../mesh/images.ts';
import { mainRun } from '../../mesh/main.ts';
import { echoImage } from './image.ts';
import { conformanceOptions } from './options.ts';
import { readTests, reportLines } from './report.ts';
import { SUITE, suiteArguments } from './suite.ts';

const options = conformanceOptions(process.argv.slice(2));
const env = readEnv();
await mainRun({ keep: options.keep, verbose: options.verbose, removeWith: `npm run cluster -- down --name ${options.name}` }, async (run) => {
  const up = await bringUpCluster(run, env, options);
  const sources = await moduleSources(run.exec, 'conformance');
  const binary = join(await programs(SUITE, { run: run.exec, log: (line) => run.log(`  ${line}`), cacheDir: env.cluster.cacheDir, vars: env.vars, signal: run.signal }), 'conformance.test');
  await run.step('Building the echo server', async () => loadImages(up.kube, await buildAllImages(env, [await echoImage(sources)]), (line) => run.log(`  ${line}`)));
  await run.step('Applying the CRDs of Gateway API', () => applyGatewayApi(up.kube, run.exec, 'standard'));
  await bringUpMesh(run, up);
  await mkdir(dirname(options.report), { recursive: true });
  const args = suiteArguments({ version: `v${VERSION}`, report: options.report, inject: `${INJECT}=enabled`, only: options.test });
  const { stdout } = await run.step('Running the conformance suite (2 to 5 minutes)', () => run.exec(binary, args, { env: up.kube.env, cwd: sources }));
  if (options.verbose) process.stdout.write(stdout);
  const report = await readFile(options.report, 'utf8').catch(() => { throw new MeshError(`The conformance suite ended without a report. It said:\n${stdout.split('\n').slice(-20).join('\n')}`); });
  const tests = readTests(stdout);
  // Tests of Gateways are skipped by the suite itself: they are of no profile of a mesh.
  const ours = tests.filter((t) => t.result !== 'SKIP' || t.name.startsWith('Mesh'));
  const bad = ours.filter((t) => t.result !== 'PASS');
  process.stdout.write(`\n${ours.map((t) => `${t.result} ${t.name}`).join('\n')}\n\n${reportLines(report).join('\n')}\nThe report is in ${options.report}.\n${ours.length - bad.length} passed, ${bad.length} failed\n`);
  if (bad.length > 0 || ours.length === 0) throw new MeshError(`${bad.length || 'All'} tests of Gateway API's conformance suite did not pass. One of them by itself, with all that it says: npm run conformance -- --test NAME --verbose`);
});
