/** `npm run demo`: from nothing to two services that talk over mutual TLS on a real Kubernetes, on the screen. */
import { setTimeout as sleep } from 'node:timers/promises';
import { lastLines } from '../cluster/exec.ts';
import { seconds } from '../cluster/progress.ts';
import { bringUpCluster, bringUpMesh, type Up } from '../mesh/bring-up.ts';
import { readEnv, type MeshEnv } from '../mesh/env.ts';
import { MeshError } from '../mesh/errors.ts';
import { mainRun } from '../mesh/main.ts';
import type { Run } from '../mesh/run.ts';
import { ANNOTATE, annotateAll, applySample, awaitRollouts, removeSample, restartSample, SAMPLE_NAMESPACE, sampleExists, sampleManifests } from '../mesh/sample.ts';
import { awaitNothing, missing } from '../mesh/traffic.ts';
import { downCommand } from './hints.ts';
import { demoOptions, type DemoOptions } from './options.ts';

const FIGURES_MS = 120_000;
const TAP_LINES = 9;

async function deploySample(run: Run, env: MeshEnv, up: Up, options: DemoOptions): Promise<void> {
  const { kube } = up;
  const existed = await sampleExists(kube);
  if (!existed && !up.madeCluster) run.onTakeBack('the sample application', () => removeSample(up.cleaner));
  await run.step(`Deploying the sample application into namespace ${SAMPLE_NAMESPACE}`, async () => {
    await applySample(kube, await sampleManifests(env.root, options.registry));
    if (existed && (up.loaded.has('sample') || up.loaded.has('proxy'))) await restartSample(kube);
    await awaitRollouts(kube);
  });
}

/** Shows a command as if typed, and what it prints. */
async function show(run: Run, up: Up, args: string[]): Promise<void> {
  const { code, stdout, stderr } = await up.kube.kubectl(args);
  run.signal.throwIfAborted();
  if (code !== 0) throw new MeshError(`\`kubectl ${args.join(' ')}\` ended with status ${code}: ${lastLines(stderr || stdout)}`);
  process.stdout.write(`\n$ kubectl ${args.join(' ')}\n${stdout}${stderr}`);
}

function howToUse(up: Up, options: DemoOptions): string {
  const { cluster, kubeconfig, path } = up.kube;
  const context = cluster.context === undefined ? '' : `  kubectl config use-context ${cluster.context}\n`;
  return `
Everything stays up. To use it:
  export KUBECONFIG=${cluster.context === undefined ? kubeconfig : cluster.kubeconfigPath}
${context}  export PATH=${[...path, '$PATH'].join(':')}
Then, for example:
  kubectl mesh stat deploy -n ${SAMPLE_NAMESPACE}
  kubectl mesh tap deploy/web -n ${SAMPLE_NAMESPACE} --status 5xx
  kubectl annotate deploy/flaky kubectl-mesh.io/inject- -n ${SAMPLE_NAMESPACE}
To remove it all:
  ${downCommand(options)}
`;
}

const options = demoOptions(process.argv.slice(2));
const env = readEnv();
await mainRun({ keep: options.keep, verbose: options.verbose, removeWith: downCommand(options) }, async (run) => {
  const started = performance.now();
  const up = await bringUpCluster(run, env, options);
  await bringUpMesh(run, up, options.registry);
  await deploySample(run, env, up, options);
  await run.step(`Meshing it: kubectl ${ANNOTATE.join(' ')}`, async () => {
    await annotateAll(up.kube);
    await awaitRollouts(up.kube);
  });
  await run.step('Waiting until the figures show its traffic', () => awaitNothing(() => missing(up.kube), FIGURES_MS, (ms) => sleep(ms, undefined, { signal: run.signal }), () => performance.now()));
  await show(run, up, ['mesh', 'stat', 'deploy', '-n', SAMPLE_NAMESPACE]);
  await show(run, up, ['mesh', 'tap', 'deploy/web', '--to', 'deploy/books', '-n', SAMPLE_NAMESPACE, '--limit', String(TAP_LINES)]);
  await show(run, up, ['mesh', 'edges', 'deploy', '-n', SAMPLE_NAMESPACE]);
  process.stdout.write(`\nA mesh at work after ${seconds(performance.now() - started)}.\n`);
  if (options.keep) process.stdout.write(howToUse(up, options));
  else if (!up.madeCluster) process.stdout.write(`What ran before this run stays. To remove it: ${downCommand(options)}\n`);
});
