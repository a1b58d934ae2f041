import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { parseAllDocuments, stringify, type Document } from 'yaml';
import { editValue, editYaml, type Edit } from './edit.ts';

const KEY = 'kubectl-mesh.io/inject';
const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
const map = fc.dictionary(word, fc.oneof(word, fc.integer(), fc.boolean(), fc.constant('a: b # c'), fc.constant('- x\n  y\n')), { maxKeys: 4 });
/** Deployments of many shapes: with and without template metadata, annotations, the key itself. */
const deployment = fc.record({
  kind: fc.constant('Deployment'),
  metadata: fc.record({ name: word, labels: map, annotations: map }, { requiredKeys: ['name'] }),
  spec: fc.record({
    replicas: fc.integer(),
    template: fc.record({ metadata: fc.record({ labels: map, annotations: map }, { requiredKeys: [] }), spec: fc.record({ containers: fc.array(map) }) }, { requiredKeys: ['spec'] }),
  }, { requiredKeys: ['template'] }),
});
const layout = fc.record({ indent: fc.integer({ min: 1, max: 6 }), indentSeq: fc.boolean(), collectionStyle: fc.constantFrom('any' as const, 'flow' as const, 'block' as const), lineWidth: fc.constant(0) });
const WHERE = ['spec', 'template', 'metadata', 'annotations', KEY];

const parse = (text: string): Document.Parsed[] => parseAllDocuments(text) as Document.Parsed[];
const values = (text: string): unknown[] => parse(text).map((d) => d.toJS() as unknown);

describe('edits of manifests', () => {
  it('mean the same in the text as in the value, whatever the shape and layout', () => {
    fc.assert(fc.property(fc.array(deployment, { minLength: 1, maxLength: 3 }), layout, (objects, how) => {
      const text = objects.map((o) => `---\n# a comment\n${stringify(o, how)}`).join('');
      // The library prints an empty collection in block style so that it cannot be read back.
      fc.pre(parse(text).every((d) => d.errors.length === 0));
      const set: Edit[] = [{ path: WHERE, value: 'enabled' }];
      const edited = editYaml(text, parse(text), objects.map(() => set));
      assert.deepEqual(values(edited), objects.map((o) => editValue(o, set)));
      assert.equal(edited.split('# a comment').length - 1, objects.length);
      const unset: Edit[] = [{ path: WHERE, value: undefined }];
      assert.deepEqual(values(editYaml(edited, parse(edited), objects.map(() => unset))), objects.map((o) => editValue(editValue(o, set), unset)));
    }), { numRuns: 200 });
  });

  it('add lines and change none where the text is in block style', () => {
    fc.assert(fc.property(deployment, fc.integer({ min: 1, max: 6 }), (object, indent) => {
      const text = stringify(object, { indent, collectionStyle: 'block', lineWidth: 0 });
      fc.pre(!/\{\}|\[\]/.test(text));
      const edited = editYaml(text, parse(text), [[{ path: WHERE, value: 'enabled' }]]).split('\n');
      const rest = [...edited];
      for (const line of text.split('\n')) {
        const at = rest.indexOf(line);
        assert.notEqual(at, -1, `lost: ${line}`);
        rest.splice(0, at + 1);
      }
      assert.ok(edited.length <= text.split('\n').length + 3);
    }));
  });
});
