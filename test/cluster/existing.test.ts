import assert from 'node:assert/strict';
import { existingProvider } from './existing.ts';
import { fakeExec } from './fake-exec.ts';

const env = { cacheDir: '/c', clustersDir: '/s', vars: {} };
const log = () => undefined;

describe('existing provider', () => {
  it('uses the cluster it is given, and nothing else', async () => {
    const { run, lines } = fakeExec();
    const provider = existingProvider({ kubeconfig: '/k', context: 'prod' }, env, run);
    const cluster = await provider.up({ log });
    assert.equal(cluster.kubeconfigPath, '/k');
    assert.equal(cluster.context, 'prod');
    assert.deepEqual(lines(), ['kubectl --kubeconfig /k --context prod get --raw /readyz']);
  });

  it('takes KUBECONFIG where no file is given, and refuses to guess', () => {
    assert.equal(existingProvider({}, { ...env, vars: { KUBECONFIG: '/k' } }, fakeExec().run).name, 'existing');
    assert.throws(() => existingProvider({}, env, fakeExec().run), /--kubeconfig FILE/);
  });

  it('says when the cluster does not answer, or kubectl is missing', async () => {
    const up = (code: number) => existingProvider({ kubeconfig: '/k' }, env, fakeExec({ kubectl: { code, stderr: 'connection refused' } }).run).up({ log });
    await assert.rejects(up(1), /does not answer: connection refused/);
    await assert.rejects(up(127), /Install kubectl/);
  });

  it('tells to use a registry, and removes nothing', async () => {
    const { run, lines } = fakeExec();
    const provider = existingProvider({ kubeconfig: '/k' }, env, run);
    const cluster = await provider.find();
    await assert.rejects(cluster!.loadImage('x.tar'), /Push them to a registry/);
    await provider.down('mesh');
    assert.deepEqual(lines().filter((line) => line.includes('delete')), []);
  });
});
