import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LABELS, PART_OF } from '../../api/names.ts';
import type { ExecOptions, ExecResult } from '../cluster/exec.ts';
import { kube } from './world.ts';

/** What install has made, by identity. */
async function installed(): Promise<string[]> {
  const kinds = 'namespaces,deployments,services,configmaps,secrets,serviceaccounts,roles,rolebindings,clusterroles,clusterrolebindings,mutatingwebhookconfigurations,apiservices';
  const { items } = await kube().json<{ items: { kind: string; metadata: { name: string; namespace?: string; uid: string; generation?: number } }[] }>(
    'list what is installed', ['get', kinds, '-A', '-l', `${LABELS.partOf}=${PART_OF}`]);
  return items.map(({ kind, metadata }) => [kind, metadata.namespace, metadata.name, metadata.uid, metadata.generation].join(' ')).sort();
}

/** One paragraph for people: starts with what is wrong, no blank line, no stack. */
function assertParagraph(stderr: string): void {
  const error = stderr.slice(stderr.indexOf('error: '));
  assert.match(error, /^error: \S/, stderr);
  assert.doesNotMatch(error.trim(), /\n\s*\n/, stderr);
  assert.doesNotMatch(error, /^\s+at /m, stderr);
}

describe('bad input', () => {
  let dir: string;
  before(async () => (dir = await mkdtemp(join(tmpdir(), 'kubectl-mesh-e2e-'))));
  after(() => rm(dir, { recursive: true }));

  /** Runs it, and sees that it failed in words, printed nothing else, and changed nothing. */
  async function fails(args: string[], options?: ExecOptions): Promise<ExecResult> {
    const before = await installed();
    const result = await kube().kubectl(['mesh', ...args], options);
    assert.notEqual(result.code, 0, args.join(' '));
    assert.equal(result.stdout, '', args.join(' '));
    assertParagraph(result.stderr);
    assert.deepEqual(await installed(), before);
    return result;
  }

  it('install over an install', async () => {
    const { code, stderr } = await fails(['install']);
    assert.equal(code, 1);
    assert.match(stderr, /installed in this cluster already.*kubectl mesh check.*--force/s);
  });

  it('install by a user without the right', async () => {
    const { stderr } = await fails(['install', '--as', 'nobody']);
    assert.match(stderr, /nobody|not allowed|forbidden|permission|may not/i);
  });

  it('a cluster that does not answer, and a kubeconfig that is not there', async () => {
    const kubeconfig = join(dir, 'kubeconfig');
    await writeFile(kubeconfig, JSON.stringify({
      apiVersion: 'v1', kind: 'Config', 'current-context': 'c', contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
      clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:9' } }], users: [{ name: 'u', user: {} }],
    }));
    for (const command of [['install'], ['check'], ['stat', 'deploy'], ['uninstall']]) {
      const { code, stdout, stderr } = await kube().kubectl(['mesh', ...command, '--kubeconfig', kubeconfig]);
      assert.notEqual(code, 0, command[0]);
      assert.match(stdout + stderr, /127\.0\.0\.1:9/, command[0]);
      assert.doesNotMatch(stderr, /^\s+at /m);
    }
    const { stderr } = await fails(['install', '--kubeconfig', join(dir, 'none')]);
    assert.match(stderr, /none/);
  });

  it('a manifest that is no YAML, and one that is no manifest', async () => {
    await fails(['inject', '-'], { input: 'kind: Deployment\nspec: [unclosed\n' });
    await fails(['inject', join(dir, 'missing.yaml')]);
  });

  it('a wrong flag, a wrong command, a wrong value', async () => {
    const flag = await fails(['install', '--registri', 'x']);
    assert.equal(flag.code, 2);
    assert.match(flag.stderr, /--registry/);
    const command = await fails(['instal']);
    assert.equal(command.code, 2);
    assert.match(command.stderr, /install/);
    assert.equal((await fails(['stat', 'deploy', '-t', 'soon'])).code, 2);
    assert.notEqual((await fails(['stat', 'deploy/none', '-n', 'bookshop'])).code, 0);
  });

  it('uninstall while pods of the mesh run', async () => {
    const { stderr } = await fails(['uninstall']);
    assert.match(stderr, /bookshop[^]*--force/);
  });
});
