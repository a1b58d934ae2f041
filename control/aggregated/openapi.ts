import { createHash } from 'node:crypto';
import { VERSION } from '../../api/version.ts';
import type { ApiGroup, ApiResource } from './group.ts';

const info = { title: 'kubectl mesh', version: VERSION };

/** The API server merges this into its own document; what there is to say is said in v3. */
export function openApiV2(): object {
  return { swagger: '2.0', info, paths: {} };
}

const schemaName = (group: ApiGroup, kind: string): string => `${group.group.split('.').toReversed().join('.')}.${group.version}.${kind}`;

/** OpenAPI v3 of one group: its schemas, and the paths by which kubectl explain finds them. */
export function openApiV3(group: ApiGroup): object {
  const root = `/apis/${group.group}/${group.version}`;
  const gvk = (kind: string): object => ({ group: group.group, version: group.version, kind });
  const read = ({ kind }: ApiResource, many: boolean): object => ({
    get: {
      responses: { 200: { description: 'OK', content: { 'application/json': { schema: { $ref: `#/components/schemas/${schemaName(group, many ? `${kind}List` : kind)}` } } } } },
      'x-kubernetes-action': many ? 'list' : 'get',
      'x-kubernetes-group-version-kind': gvk(kind),
    },
  });
  const paths = group.resources.filter((r) => !r.name.includes('/')).flatMap((r): [string, object][] => [
    [`${root}/${r.name}`, read(r, true)],
    [`${root}/namespaces/{namespace}/${r.name}`, read(r, true)],
    [`${root}/namespaces/{namespace}/${r.name}/{name}`, read(r, false)],
  ]);
  const schemas = Object.entries(group.schemas).map(([kind, schema]) => [schemaName(group, kind), { ...schema, 'x-kubernetes-group-version-kind': [gvk(kind)] }] as const);
  return { openapi: '3.0.0', info, paths: Object.fromEntries(paths), components: { schemas: Object.fromEntries(schemas) } };
}

/** The list of documents; the hash in an address lets callers keep a document for as long as it is the same. */
export function openApiV3Index(groups: ApiGroup[]): object {
  const entries = groups.map((group) => {
    const path = `apis/${group.group}/${group.version}`;
    const hash = createHash('sha256').update(JSON.stringify(openApiV3(group))).digest('hex').toUpperCase();
    return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }] as const;
  });
  return { paths: Object.fromEntries(entries) };
}
