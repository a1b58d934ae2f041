import assert from 'node:assert/strict';
import type { KubeObject } from '../../lib/kube/types.ts';
import { fail, fakeCluster, type FakeCluster } from '../testing/fake-cluster.ts';
import { matchesGolden } from '../testing/golden.ts';
import { installInto } from '../testing/installed.ts';
import { testIo } from '../testing/io.ts';
import type { VersionOptions } from './options.ts';
import { run } from './run.ts';

const options = (output: VersionOptions['output'], clientOnly = false): VersionOptions => ({
  target: { kubeconfig: undefined, context: undefined, as: undefined, asGroups: [] }, clientOnly, output,
});

const pod = (name: string, version: string, phase = 'Running', container = 'mesh-proxy'): KubeObject => ({
  apiVersion: 'v1', kind: 'Pod', spec: { containers: [{ name: container }] }, status: { phase },
  metadata: { name, namespace: 'web', labels: { 'kubectl-mesh.io/control-plane-ns': 'mesh-system' }, annotations: { 'kubectl-mesh.io/proxy-version': version } },
} as KubeObject);

describe('kubectl mesh version', () => {
  let cluster: FakeCluster;
  beforeEach(async () => {
    cluster = await fakeCluster();
  });
  afterEach(() => cluster.close());

  it('shows plugin, control plane and proxies in every format', async () => {
    await installInto(cluster);
    cluster.put(pod('a', '0.1.0'), pod('b', '0.1.0'), pod('c', '0.0.9'), pod('done', '0.0.1', 'Succeeded'), pod('stock', '2.20', 'Running', 'linkerd-proxy'));
    for (const output of ['text', 'short', 'json', 'yaml'] as const) {
      const io = testIo();
      assert.equal(await run(io, cluster.deps, options(output)), 0);
      matchesGolden(import.meta, `version.${output}`, io.out());
    }
  });

  it('says when no control plane is there', async () => {
    const io = testIo();
    assert.equal(await run(io, cluster.deps, options('text')), 0);
    assert.match(io.out(), /Server version: not installed/);
  });

  it('asks no cluster with --client', async () => {
    const io = testIo();
    assert.equal(await run(io, { connect: () => Promise.reject(new Error('asked')) }, options('text', true)), 0);
    assert.match(io.out(), /^Client version: [\d.]+\n$/);
  });

  it('shows its own version even when the cluster refuses', async () => {
    cluster.on('GET /api/v1/namespaces/mesh-system/configmaps/mesh-config', (_, response) => fail(response, 401, 'Unauthorized', 'Unauthorized'));
    const io = testIo();
    await assert.rejects(run(io, cluster.deps, options('text')), /Unauthorized/);
    assert.match(io.out(), /^Client version: [\d.]+\n$/);
  });
});
