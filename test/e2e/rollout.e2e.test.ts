import assert from 'node:assert/strict';
import { awaitRollouts, SAMPLE_NAMESPACE } from '../mesh/sample.ts';
import { loadGoesOn, loadTotals, waitFor, type Pod } from './steps.ts';
import { kube } from './world.ts';

const SERVERS = ['web', 'books', 'reviews', 'flaky'];
const AT = ['-n', SAMPLE_NAMESPACE];

async function noneLeaving(): Promise<boolean> {
  const { items } = await kube().json<{ items: Pod[] }>('list pods', ['get', 'pods', ...AT]);
  return items.every((pod) => pod.metadata.deletionTimestamp === undefined);
}

describe('a rollout under steady load', () => {
  it('loses no request, also of servers that close at once', async () => {
    await awaitRollouts(kube());
    await waitFor('the end of earlier rollouts', noneLeaving);
    await loadGoesOn(20);
    const before = await loadTotals();

    // First the sample as it is, which goes on serving for a while after SIGTERM; then web and books naive: only the mesh is left to lose nothing.
    await kube().must('take the delay away', ['set', 'env', 'deploy/web', 'deploy/books', 'SHUTDOWN_DELAY_MS=0', ...AT]);
    await awaitRollouts(kube(), SERVERS);
    await kube().must('restart the servers', ['rollout', 'restart', ...SERVERS.map((name) => `deploy/${name}`), ...AT]);
    await awaitRollouts(kube(), SERVERS);
    await waitFor('the old pods to be gone', noneLeaving);
    await loadGoesOn(20);

    const after = await loadTotals();
    for (const target of ['web', 'flaky'] as const) {
      assert.equal(after[target].failed - before[target].failed, 0, `${target}: ${JSON.stringify(after[target].reasons)}, before ${JSON.stringify(before[target].reasons)}`);
    }
  });
});
