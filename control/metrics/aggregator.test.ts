import assert from 'node:assert/strict';
import { ManualClock } from '../../lib/clock.ts';
import { silentLog } from '../../lib/log.ts';
import { INTERVAL_MS, startAggregator } from './aggregator.ts';
import type { PodDirectory } from './directory.ts';
import { factsOf } from './facts.ts';

const facts = factsOf({
  metadata: { name: 'web', namespace: 'shop', labels: { 'kubectl-mesh.io/control-plane-ns': 'mesh-system' } },
  spec: { containers: [] }, status: { phase: 'Running', podIP: '10.0.0.1' },
}, 'mesh-system');

describe('a replica that has just started', () => {
  let clock: ManualClock;
  let fetches: number;
  const aggregator = (fails: boolean, pods = [facts]) => {
    clock = new ManualClock();
    fetches = 0;
    const directory = { onChange: (listener) => {
      for (const pod of pods) listener(pod, false);
      return () => undefined;
    } } as Partial<PodDirectory> as PodDirectory;
    return startAggregator({
      directory, clock, log: silentLog(), random: () => 0.5,
      fetch: () => {
        fetches++;
        return fails ? Promise.reject(new Error('refused')) : Promise.resolve('');
      },
    });
  };
  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await new Promise((resolve) => { setImmediate(resolve); });
  };

  it('is warm when it knows the rates of every proxy', async () => {
    const one = aggregator(false);
    await pass(INTERVAL_MS);
    assert.deepEqual([one.warm(), fetches], [false, 1]);
    await pass(INTERVAL_MS);
    assert.deepEqual([one.warm(), fetches], [true, 2]);
    await one.stop();
  });

  it('is warm where there is no proxy, and waits no longer than three rounds for those that do not answer', async () => {
    const none = aggregator(false, []);
    assert.equal(none.warm(), true);
    await none.stop();
    const deaf = aggregator(true);
    await pass(2 * INTERVAL_MS);
    assert.equal(deaf.warm(), false);
    await pass(INTERVAL_MS);
    assert.equal(deaf.warm(), true);
    await deaf.stop();
  });
});
