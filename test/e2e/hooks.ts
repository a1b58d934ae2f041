/** Root hooks: the cluster `e2e` with the mesh and the sample, for all test files; told what broke when one fails. */
import type { Context } from 'mocha';
import { bringUpCluster, bringUpMesh, type Up } from '../mesh/bring-up.ts';
import { readEnv } from '../mesh/env.ts';
import { explain, INTERRUPTED_CODE } from '../mesh/errors.ts';
import { startRun, type Run } from '../mesh/run.ts';
import { annotateAll, applySample, awaitRollouts, restartSample, sampleExists, sampleManifests } from '../mesh/sample.ts';
import { whatHappened } from './diagnosis.ts';
import { apply, dropNamespaces, waitReady } from './steps.ts';
import { hasWorld, idlePod, kube, MESHED, namespace, PLAIN, PROBE_NAMESPACE, setWorld } from './world.ts';

const BRING_UP_MS = 3_600_000;
const NAME = 'e2e';

const env = readEnv();
const run: Run = startRun((text) => void process.stderr.write(text));

async function bringUp(): Promise<void> {
  // The local provider, because tests capture in the node's network namespace.
  const up = await bringUpCluster(run, env, { name: NAME, choice: { provider: 'local' } });
  const [node] = await up.kube.cluster.nodes();
  if (node?.netns == null) throw new Error('The node of the cluster is not a network namespace of this machine.');
  setWorld({ kube: up.kube, node: { netns: node.netns, podCIDR: node.podCIDR } });
  await bringUpMesh(run, up);
  await run.step('Deploying and meshing the sample application', () => deploySample(up));
  await run.step('Starting pods to call from', async () => {
    if (!up.madeCluster) await kube().must('delete old pods', ['delete', 'pods', '--all', '-n', PROBE_NAMESPACE, '--ignore-not-found']);
    await apply(namespace(PROBE_NAMESPACE), ...idlePod(PROBE_NAMESPACE, MESHED, true), ...idlePod(PROBE_NAMESPACE, PLAIN, false));
    await waitReady(PROBE_NAMESPACE, MESHED, PLAIN);
  });
}

async function deploySample(up: Up): Promise<void> {
  const existed = await sampleExists(up.kube);
  await applySample(up.kube, await sampleManifests(env.root));
  await annotateAll(up.kube);
  if (existed && (up.loaded.has('proxy') || up.loaded.has('sample'))) await restartSample(up.kube);
  await awaitRollouts(up.kube);
}

async function takeDown(): Promise<void> {
  if (env.keep) run.keepAll();
  if (env.keep && hasWorld()) await dropNamespaces(PROBE_NAMESPACE);
  for (const failure of await run.takeBack()) process.stderr.write(`Could not remove ${failure}\n`);
  if (env.keep && hasWorld()) process.stderr.write(`\nKEEP is set, so the cluster stays: export KUBECONFIG=${kube().kubeconfig}\nRemove it with: npm run cluster -- down --name ${NAME}\n`);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    run.stop();
    void takeDown().finally(() => process.exit(INTERRUPTED_CODE));
  });
}

export const mochaHooks = {
  async beforeAll(this: Context): Promise<void> {
    this.timeout(BRING_UP_MS);
    try {
      await bringUp();
    } catch (error) {
      await takeDown();
      throw new Error(explain(error), { cause: error });
    }
  },
  async afterEach(this: Context): Promise<void> {
    if (this.currentTest?.state === 'failed') process.stderr.write(await whatHappened());
  },
  async afterAll(this: Context): Promise<void> {
    this.timeout(BRING_UP_MS);
    await takeDown();
  },
};
