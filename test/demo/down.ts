/** `npm run demo:down`: removes what a demo with --keep left running. */
import { rm } from 'node:fs/promises';
import { DEFAULT_CONTROL_NAMESPACE } from '../../api/names.ts';
import { choose } from '../cluster/choose.ts';
import { exec } from '../cluster/exec.ts';
import { readEnv } from '../mesh/env.ts';
import { namespaceExists, uninstall } from '../mesh/install.ts';
import { kubeFor } from '../mesh/kube.ts';
import { mainRun } from '../mesh/main.ts';
import { removeSample, sampleExists } from '../mesh/sample.ts';
import { buildPlugin } from '../mesh/images.ts';
import type { Run } from '../mesh/run.ts';
import type { Cluster } from '../cluster/provider.ts';
import { downOptions } from './options.ts';

const options = downOptions(process.argv.slice(2));
const env = readEnv();

/** Takes the demo out of a cluster that stays. */
async function leave(run: Run, cluster: Cluster): Promise<void> {
  const kube = await kubeFor(cluster, env.root, env.vars, run.exec);
  try {
    if (await sampleExists(kube)) await run.step('Removing the sample application', () => removeSample(kube));
    if (!(await namespaceExists(kube, DEFAULT_CONTROL_NAMESPACE))) return;
    await run.step('Removing the mesh', async () => {
      await buildPlugin(env);
      await uninstall(kube);
    });
  } finally {
    await kube.close();
  }
}

await mainRun({ keep: true, verbose: options.verbose, removeWith: 'npm run demo:down' }, async (run) => {
  const provider = await choose(options.choice, env.cluster, exec);
  if (provider.name === 'existing') await leave(run, await provider.up({ log: run.log }));
  else await run.step(`Removing cluster "${options.name}"`, () => provider.down(options.name, run.log));
  if (options.caches) await run.step(`Deleting ${env.cluster.cacheDir}`, () => rm(env.cluster.cacheDir, { recursive: true, force: true }));
});
