import assert from 'node:assert/strict';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { TRAFFIC_KEYS } from '../../api/annotations.ts';
import type { KubeObject } from '../../lib/kube/types.ts';
import { writeReview, type AdmissionRequest } from '../admission.ts';
import { testConfig } from '../testing/config.ts';
import { goldenCases, matchesGolden } from '../testing/golden.ts';
import { createValidator } from './validator.ts';

const TESTDATA = join(import.meta.dirname, 'testdata');
const validate = createValidator(testConfig);

function request(object: unknown, oldObject: unknown = null): AdmissionRequest {
  const { kind = '', apiVersion = '' } = object as KubeObject;
  return { uid: 'u', kind: { group: apiVersion.split('/')[0]!, version: 'v1', kind }, namespace: 'shop', operation: oldObject === null ? 'CREATE' : 'UPDATE', object, oldObject, dryRun: false };
}

describe('validation', () => {
  for (const { name, documents } of goldenCases(TESTDATA)) {
    it(name, () => matchesGolden(TESTDATA, `${name}.golden.yaml`, documents.map((object) => {
      const { kind, metadata } = object as KubeObject;
      return { [`${kind} ${metadata.name}`]: (writeReview('u', validate(request(object))) as { response: object }).response };
    })));
  }

  it('refuses an update only for what it brings', () => {
    const service = (annotations: Record<string, string>): KubeObject => ({ kind: 'Service', metadata: { name: 'web', annotations } });
    const before = service({ 'kubectl-mesh.io/retry-limit': 'many' });
    const same = validate(request(service({ 'kubectl-mesh.io/retry-limit': 'many', other: 'x' }), before));
    assert.deepEqual([same.refused, same.warnings.length], [[], 1]);
    const worse = validate(request(service({ 'kubectl-mesh.io/retry-limit': 'many', 'kubectl-mesh.io/slow-start': 'later' }), before));
    assert.deepEqual(worse.refused?.map((one) => one.field), ['metadata.annotations[kubectl-mesh.io/slow-start]']);
    assert.deepEqual(validate(request(service({ 'kubectl-mesh.io/retry-limit': '3' }), before)), { operations: [], warnings: [], refused: [] });
  });

  it('never fails, whatever the annotations are', () => {
    const value = fc.oneof(fc.string(), fc.constantFrom('1s', '5xx', '-1', 'shop', 'web.ns:80', 'grpc:14', '[', ''));
    fc.assert(fc.property(fc.dictionary(fc.constantFrom(...Object.keys(TRAFFIC_KEYS)), value), fc.constantFrom('Service', 'HTTPRoute', 'GRPCRoute'), (given, kind) => {
      const annotations = Object.fromEntries(Object.entries(given).map(([key, text]) => [`kubectl-mesh.io/${key}`, text]));
      const { refused = [] } = validate(request({ kind, metadata: { name: 'web', annotations }, spec: {} }));
      const keys = refused.map(({ field }) => /^metadata\.annotations\[(.+)\]$/.exec(field)?.[1] ?? field);
      assert.deepEqual(keys.filter((key) => !(key in annotations)), []);
    }));
  });
});
