import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { V1Pod } from '@kubernetes/client-node';
import { applyPatch } from 'rfc6902';
import type { NamespaceLike } from '../metadata.ts';
import { goldenCases, matchesGolden } from '../testing/golden.ts';
import { testConfig } from '../testing/config.ts';
import { inject } from './inject.ts';

const folder = join(import.meta.dirname, 'testdata');

/** Documents of an input: the pod, its namespace and, where it has one, its owner. */
type Input = [V1Pod, NamespaceLike, { kind: string; name: string }?];

describe('inject', () => {
  for (const { name, documents } of goldenCases(folder)) {
    it(name, () => {
      const [pod, namespace, owner] = documents as Input;
      const before = structuredClone(pod);
      const result = inject({ pod, namespace, config: testConfig, owner });
      assert.deepEqual(pod, before, 'the pod given is not changed');
      matchesGolden(folder, `${name}.golden.yaml`, result);
      if ('skipped' in result) return;
      const errors = applyPatch(pod, structuredClone(result.operations)).filter((e) => e !== null);
      assert.deepEqual(errors, []);
      matchesGolden(folder, `${name}.patched.yaml`, pod);
      const again = inject({ pod, namespace, config: testConfig, owner });
      assert.ok('skipped' in again && again.skipped === 'sidecar_already_exists', 'a meshed pod is not meshed twice');
    });
  }

  it('a label value is at most 63 characters and ends in a letter or digit', () => {
    const [pod, namespace] = goldenCases(folder).find((c) => c.name === 'deployment')!.documents as Input;
    const result = inject({ pod, namespace, config: testConfig, owner: { kind: 'Deployment', name: `${'a'.repeat(62)}-${'b'.repeat(20)}` } });
    assert.ok(!('skipped' in result));
    applyPatch(pod, result.operations);
    assert.equal(pod.metadata?.labels?.['kubectl-mesh.io/proxy-deployment'], 'a'.repeat(62));
  });
});
