import assert from 'node:assert/strict';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { layout } from './layout.ts';
import { readCluster, writeCluster } from './state.ts';
import { failures } from './health.ts';
import { nodeProcess } from './processes.ts';

describe('state of a cluster', () => {
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'state-'));
  });
  after(() => rm(dir, { recursive: true }));

  it('comes back as it was written', async () => {
    const cluster = layout(dir, 'mesh', 7, 3);
    await writeCluster(dir, cluster);
    assert.deepEqual(await readCluster(dir, 'mesh'), cluster);
    assert.equal(await readCluster(dir, 'other'), undefined);
  });

  it('counts a file that cannot be understood as no cluster', async () => {
    await mkdir(join(dir, 'broken'));
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.json()), async (text) => {
        await writeFile(join(dir, 'broken', 'cluster.json'), text);
        assert.equal(await readCluster(dir, 'broken'), undefined);
      }),
      { numRuns: 50 },
    );
  });

  it('counts the ends of components', async () => {
    const node = layout(dir, 'mesh', 7, 1).nodes[0]!;
    await mkdir(node.dir, { recursive: true });
    assert.deepEqual(await failures(node), []);
    await writeFile(join(node.dir, 'exits'), 'kubelet 1\netcd 137\nkubelet 1\n');
    assert.deepEqual(await failures(node), [['kubelet', 2], ['etcd', 1]]);
  });

  it('does not take another process for a node\'s', async () => {
    const node = layout(dir, 'mesh', 7, 1).nodes[0]!;
    await mkdir(node.dir, { recursive: true });
    for (const text of ['', 'x', '-1', '0', String(process.pid)]) {
      await writeFile(join(node.dir, 'init.pid'), text);
      assert.equal(await nodeProcess(node), undefined);
    }
  });
});
