import assert from 'node:assert/strict';
import { ANCHORS_CONFIG_MAP, DEFAULT_CONTROL_NAMESPACE, LABELS, PART_OF } from '../../../api/names.ts';
import { removeSample } from '../../mesh/sample.ts';
import { apply, dropNamespaces, waitFor, waitReady } from '../steps.ts';
import { idlePod, kube, namespace, PROBE_NAMESPACE } from '../world.ts';

const NAMESPACE = 'afterwards';

/** Every object of the mesh in the cluster, of whatever kind. */
async function residue(): Promise<string[]> {
  const listable = (await kube().must('list kinds', ['api-resources', '--verbs=list', '-o', 'name'])).trim().split('\n').filter((name) => !/^(events|componentstatuses)/.test(name));
  const labelled = await kube().must('list objects', ['get', listable.join(','), '-A', '-l', `${LABELS.partOf}=${PART_OF}`, '--ignore-not-found', '-o', 'name']);
  const named = await kube().must('list objects', ['get', 'apiservices,mutatingwebhookconfigurations,validatingwebhookconfigurations,configmaps,clusterroles,clusterrolebindings,namespaces', '-A', '-o', 'name']);
  const ours = named.split('\n').filter((name) => name.includes('kubectl-mesh') || name.endsWith(`/${ANCHORS_CONFIG_MAP}`) || name === `namespace/${DEFAULT_CONTROL_NAMESPACE}`);
  return [...labelled.trim().split('\n'), ...ours].filter((name) => name !== '');
}

describe('uninstall', () => {
  before(async () => {
    await kube().must('delete the pods to call from', ['delete', 'namespace', PROBE_NAMESPACE, '--ignore-not-found', '--timeout=120s']);
    await removeSample(kube());
  });
  after(() => dropNamespaces(NAMESPACE));

  it('leaves nothing', async () => {
    assert.notDeepEqual(await residue(), []);
    const { code, stderr } = await kube().kubectl(['mesh', 'uninstall']);
    assert.equal(code, 0, stderr);
    assert.deepEqual(await residue(), []);
    const again = await kube().kubectl(['mesh', 'check', '-o', 'short', '--wait', '1s']);
    assert.notEqual(again.code, 0);
  });

  it('and what install -o yaml gives works the same with kubectl alone, there and back', async () => {
    const yaml = await kube().must('print the manifests', ['mesh', 'install', '-o', 'yaml']);
    await kube().must('apply them', ['apply', '-f', '-'], { input: yaml });
    await waitFor('the mesh to work', async () => (await kube().kubectl(['mesh', 'check', '--wait', '5s'])).code === 0);
    await apply(namespace(NAMESPACE), ...idlePod(NAMESPACE, 'pod', true));
    await waitReady(NAMESPACE, 'pod');
    await kube().must('delete the pod', ['delete', 'namespace', NAMESPACE, '--timeout=120s']);
    const gone = await kube().must('print what to delete', ['mesh', 'uninstall', '-o', 'yaml']);
    await kube().must('delete it', ['delete', '--ignore-not-found', '-f', '-', '--timeout=120s'], { input: gone });
    assert.deepEqual(await residue(), []);
  });
});
