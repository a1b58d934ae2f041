import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { fakeExec } from './fake-exec.ts';
import { kindConfig, kindProvider } from './kind.ts';

const log = () => undefined;

describe('kind provider', () => {
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'kind-'));
  });
  after(() => rm(dir, { recursive: true }));
  const setup = (rules: Parameters<typeof fakeExec>[0]) => {
    const fake = fakeExec(rules);
    return { ...fake, provider: kindProvider({ env: { cacheDir: dir, clustersDir: dir, vars: {} }, run: fake.run }) };
  };

  it('writes a configuration with one control plane', () => {
    assert.deepEqual(parse(kindConfig(3)), {
      kind: 'Cluster',
      apiVersion: 'kind.x-k8s.io/v1alpha4',
      nodes: [{ role: 'control-plane' }, { role: 'worker' }, { role: 'worker' }],
    });
  });

  it('creates a cluster with a kubeconfig of its own', async () => {
    const { provider, calls } = setup({});
    const cluster = await provider.up({ nodes: 2, log });
    assert.equal(calls[1]?.line, `kind create cluster --name mesh --kubeconfig ${dir}/kind-mesh/kubeconfig --wait 180s --config -`);
    assert.equal(calls[1]?.options.input, kindConfig(2));
    assert.equal(cluster.kubeconfigPath, `${dir}/kind-mesh/kubeconfig`);
  });

  it('uses one that runs, and makes a broken one anew', async () => {
    const running = setup({ 'kind get clusters': { stdout: 'other\nmesh\n' } });
    await running.provider.up({ log });
    assert.deepEqual(running.lines().filter((line) => line.includes(' create ')), []);
    const broken = setup({ 'kind get clusters': { stdout: 'mesh\n' }, kubectl: { code: 1 } });
    await broken.provider.up({ log });
    assert.deepEqual(
      broken.lines().filter((line) => / (create|delete) /.test(line)).map((line) => line.split(' ').slice(0, 5).join(' ')),
      ['kind delete cluster --name mesh', 'kind create cluster --name mesh'],
    );
  });

  it('loads archives and lists nodes by command line', async () => {
    const { provider, lines } = setup({ 'kind get clusters': { stdout: 'mesh\n' }, [`kubectl --kubeconfig ${dir}/kind-mesh/kubeconfig get nodes`]: { stdout: '{"items":[]}' } });
    const cluster = await provider.find();
    await cluster!.loadImage('/x.tar');
    await cluster!.nodes();
    assert.deepEqual(lines().slice(-2), ['kind load image-archive /x.tar --name mesh', `kubectl --kubeconfig ${dir}/kind-mesh/kubeconfig get nodes -o json`]);
  });

  it('leaves nothing of a failed start', async () => {
    const { provider, lines } = setup({ 'kind create': { code: 1, stderr: 'ERROR: docker is not running' } });
    await assert.rejects(provider.up({ name: 'x', log }), /docker is not running.*docker version/);
    assert.equal(lines().at(-1), 'kind delete cluster --name x');
  });

  it('removes what is there and is content where nothing is', async () => {
    const { provider, lines } = setup({ 'kind get clusters': { stdout: 'mesh\n' } });
    await provider.down();
    assert.equal(lines().at(-1), 'kind delete cluster --name mesh');
    await provider.down('absent');
    assert.equal(lines().filter((line) => line.includes('delete')).length, 1);
    assert.equal((await readdir(dir)).includes('kind-mesh'), false);
  });

  it('says when kind is missing', async () => {
    await assert.rejects(setup({ kind: { code: 127 } }).provider.up({ log }), /Install kind/);
  });
});
