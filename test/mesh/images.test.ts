import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BuiltImage } from '../../images/build.ts';
import type { Exec } from '../cluster/exec.ts';
import type { Cluster } from '../cluster/provider.ts';
import { loadImages } from './images.ts';
import { kubeFor } from './kube.ts';

const image = (name: 'proxy' | 'sample', id: string): BuiltImage => ({ name, id, ref: `kubectl-mesh.io/${name}:1`, file: `/archives/${name}.tar`, bytes: 1 });

describe('loadImages', () => {
  let dir: string;
  beforeEach(async () => (dir = await mkdtemp(join(tmpdir(), 'kubectl-mesh-images-'))));
  afterEach(() => rm(dir, { recursive: true }));

  /** Loads them into a cluster that says that its nodes have `present`, and returns which were loaded. */
  async function load(images: BuiltImage[], present: string[][], uid = 'one'): Promise<string[]> {
    const loaded: string[] = [];
    const cluster: Cluster = {
      provider: 'local', name: 'c', kubeconfigPath: join(dir, 'kubeconfig'), kubectl: 'kubectl',
      nodes: () => Promise.resolve([]), loadImage: (file) => Promise.resolve(void loaded.push(file)),
    };
    const answers: Record<string, unknown> = { namespace: { metadata: { uid } }, nodes: { items: present.map((names) => ({ status: { images: [{ names }] } })) } };
    const run: Exec = (_, args) => Promise.resolve({ code: 0, stdout: JSON.stringify(answers[args[1]!]), stderr: '' });
    assert.deepEqual((await loadImages(await kubeFor(cluster, dir, {}, run), images, () => undefined)).map(({ file }) => file), loaded);
    return loaded;
  }

  const both = ['kubectl-mesh.io/proxy:1', 'kubectl-mesh.io/sample:1'];

  it('loads what the nodes were not given yet, and nothing twice', async () => {
    const images = [image('proxy', 'a'), image('sample', 'b')];
    assert.deepEqual(await load(images, [[]]), ['/archives/proxy.tar', '/archives/sample.tar']);
    assert.deepEqual(await load(images, [both]), []);
  });

  it('loads what has changed, what a node has lost, and everything into another cluster', async () => {
    await load([image('proxy', 'a'), image('sample', 'b')], [both, both]);
    assert.deepEqual(await load([image('proxy', 'new'), image('sample', 'b')], [both, both]), ['/archives/proxy.tar']);
    assert.deepEqual(await load([image('proxy', 'new'), image('sample', 'b')], [both, [both[0]!]]), ['/archives/sample.tar']);
    assert.deepEqual(await load([image('proxy', 'new'), image('sample', 'b')], [both, both], 'another'), ['/archives/proxy.tar', '/archives/sample.tar']);
  });
});
