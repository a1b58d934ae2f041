/** Root hooks: a cluster with the mesh and the sample, for all test files; told what broke when one fails. */
import { createHash } from 'node:crypto';
import type { Context } from 'mocha';
import { bringUpCluster, bringUpMesh, type Up } from '../mesh/bring-up.ts';
import { readEnv } from '../mesh/env.ts';
import { explain, INTERRUPTED_CODE } from '../mesh/errors.ts';
import { startRun, type Run } from '../mesh/run.ts';
import { annotateAll, applySample, awaitRollouts, restartSample, sampleExists, sampleManifests } from '../mesh/sample.ts';
import { whatHappened } from './diagnosis.ts';
import { apply, dropNamespaces, waitReady } from './steps.ts';
import { takeTurn, type Turn } from './turn.ts';
import { hasWorld, idlePod, kube, MESHED, namespace, PLAIN, PROBE_NAMESPACE, setWorld } from './world.ts';

const BRING_UP_MS = 3_600_000;

const env = readEnv();
/** One cluster a checkout, so that two checkouts can be tested side by side. */
const NAME = `e2e-${createHash('sha256').update(env.root).digest('hex').slice(0, 6)}`;
const run: Run = startRun((text) => void process.stderr.write(text));

let turn: Turn | undefined;

async function bringUp(): Promise<void> {
  // Two runs of one checkout would take each other's cluster apart: the second waits.
  turn = await takeTurn(NAME, run);
  // The local provider, because tests capture in the node's network namespace.
  const up = await bringUpCluster(run, env, { name: NAME, choice: { provider: 'local' } });
  // What a killed run left behind goes as well.
  if (!up.madeCluster) run.onTakeBack(`cluster "${NAME}"`, () => up.provider.down(NAME, run.log));
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
  await turn?.end();
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
