import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import type { Exec, ExecOptions, ExecResult } from '../cluster/exec.ts';
import type { Cluster } from '../cluster/provider.ts';
import { MeshError } from './errors.ts';
import { kubeFor } from './kube.ts';

const cluster = (more: Partial<Cluster> = {}): Cluster => ({
  provider: 'local', name: 'c', kubeconfigPath: '/state/kubeconfig', kubectl: '/bin/k8s/kubectl', nodes: () => Promise.resolve([]), loadImage: () => Promise.resolve(), ...more,
});

function answering(result: Partial<ExecResult>): { run: Exec; calls: { args: readonly string[]; options: ExecOptions | undefined }[] } {
  const calls: { args: readonly string[]; options: ExecOptions | undefined }[] = [];
  return {
    calls,
    run: (_, args, options) => {
      calls.push({ args, options });
      return Promise.resolve({ code: 0, stdout: '', stderr: '', ...result });
    },
  };
}

describe('kubectl for a cluster', () => {
  it('finds the plugin of the checkout and the kubectl of the cluster first', async () => {
    const { run, calls } = answering({});
    const kube = await kubeFor(cluster(), '/checkout', { PATH: '/usr/bin', HOME: '/home/me' }, run);
    await kube.kubectl(['mesh', 'check']);
    assert.deepEqual(calls[0]!.options?.env, { PATH: '/checkout/dist:/bin/k8s:/usr/bin', HOME: '/home/me', KUBECONFIG: '/state/kubeconfig' });
    assert.deepEqual(kube.path, ['/checkout/dist', '/bin/k8s']);
  });

  it('leaves kubectl to the PATH where the cluster brings none', async () => {
    assert.deepEqual((await kubeFor(cluster({ kubectl: 'kubectl' }), '/checkout', {}, answering({}).run)).path, ['/checkout/dist']);
  });

  it('says what failed in one line, and what to do without kubectl', async () => {
    const failing = await kubeFor(cluster(), '/checkout', {}, answering({ code: 1, stderr: 'error: the server\nis away\n' }).run);
    await assert.rejects(failing.must('list pods', ['get', 'pods']), new MeshError('Could not list pods. `kubectl get pods` ended with status 1: error: the server | is away'));
    const none = await kubeFor(cluster(), '/checkout', {}, answering({ code: 127 }).run);
    await assert.rejects(none.kubectl(['version']), /kubectl was not found.*Install it/s);
  });

  it('gives plugins a kubeconfig of one context, for its user alone, and takes it away', async () => {
    const { run, calls } = answering({ stdout: 'one context' });
    const kube = await kubeFor(cluster({ context: 'staging' }), '/checkout', {}, run);
    assert.deepEqual(calls[0]!.args, ['config', 'view', '--raw', '--minify', '--flatten', '--context', 'staging']);
    assert.equal(calls[0]!.options?.env?.['KUBECONFIG'], '/state/kubeconfig');
    assert.equal(await readFile(kube.kubeconfig, 'utf8'), 'one context');
    assert.equal((await stat(kube.kubeconfig)).mode & 0o777, 0o600);
    assert.equal(kube.env['KUBECONFIG'], kube.kubeconfig);
    await kube.close();
    await assert.rejects(stat(kube.kubeconfig));
  });

  it('runs programs another way, for the same cluster', async () => {
    const kube = await kubeFor(cluster(), '/checkout', {}, answering({ stdout: '"first"' }).run);
    assert.equal(await kube.json('ask', ['get']), 'first');
    assert.equal(await kube.using(answering({ stdout: '"second"' }).run).json('ask', ['get']), 'second');
  });
});
