import assert from 'node:assert/strict';
import { CRDS } from './all.ts';
import type { Schema } from './schema.ts';

/** Every schema below one, with the path to it. */
function* below(schema: Schema, path: string): Generator<[string, Schema]> {
  yield [path, schema];
  for (const [name, child] of Object.entries((schema['properties'] ?? {}) as Record<string, Schema>)) yield* below(child, `${path}.${name}`);
  for (const key of ['items', 'additionalProperties']) if (schema[key]) yield* below(schema[key] as Schema, `${path}[]`);
}

const versionsOf = (crd: (typeof CRDS)[number]) => (crd.spec as { versions: { schema: { openAPIV3Schema: Schema }; additionalPrinterColumns: { jsonPath: string }[] }[] }).versions;

describe('custom resource definitions', () => {
  for (const crd of CRDS) {
    it(`${crd.metadata.name} is structural, bounded and explained`, () => {
      for (const { schema } of versionsOf(crd)) {
        for (const [path, one] of below(schema.openAPIV3Schema, '')) {
          assert.ok(one['type'], `${path} has a type`);
          // Without a bound the API server cannot tell what a rule costs, and refuses the definition.
          if (one['type'] === 'array') assert.ok(one['maxItems'], `${path} has maxItems`);
          if (path.startsWith('.spec') && one['type'] === 'string' && !one['enum'] && !one['format']) assert.ok(one['maxLength'] || path.endsWith('selector[]'), `${path} has maxLength`);
          if (path.startsWith('.spec') && !path.includes('[]')) assert.ok(one['description'], `${path} is explained`);
          assert.ok(!(one['properties'] && one['additionalProperties']), path);
          for (const name of (one['required'] ?? []) as string[]) assert.ok(name in (one['properties'] as object), `${path} has ${name}`);
        }
      }
    });

    it(`${crd.metadata.name} prints columns that there are`, () => {
      for (const { schema, additionalPrinterColumns } of versionsOf(crd)) {
        const paths = new Set([...below(schema.openAPIV3Schema, '')].map(([path]) => path));
        for (const { jsonPath } of additionalPrinterColumns) assert.ok(jsonPath.startsWith('.metadata') || jsonPath.includes('[?(') || paths.has(jsonPath), jsonPath);
      }
    });
  }
});
