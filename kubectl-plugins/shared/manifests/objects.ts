/** A Kubernetes object as it stands in a file. Nothing is known of it but what is checked. */
export type Plain = Record<string, unknown>;

export type Path = readonly (string | number)[];

/** One object in a document: the document itself, or an item of a list. */
export interface Located {
  object: Plain;
  path: Path;
  kind: string;
  name: string;
}

export function isPlain(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value at a path; undefined where it leads nowhere. */
export function at(value: unknown, path: Path): unknown {
  let current = value;
  for (const key of path) {
    if (typeof key === 'number') current = Array.isArray(current) ? current[key] : undefined;
    else current = isPlain(current) ? current[key] : undefined;
  }
  return current;
}

/** The document's object, or the items of a `List` (or `DeploymentList`, …). A value without a kind is answered by its path alone. */
export function objectsIn(document: unknown): (Located | { invalid: Path })[] {
  if (!isPlain(document)) return [{ invalid: [] }];
  if (typeof document['kind'] === 'string' && document['kind'].endsWith('List') && Array.isArray(document['items'])) {
    return document['items'].flatMap((item: unknown, index) => located(item, ['items', index]));
  }
  return located(document, []);
}

function located(value: unknown, path: Path): (Located | { invalid: Path })[] {
  if (!isPlain(value) || typeof value['kind'] !== 'string' || value['kind'] === '') return [{ invalid: path }];
  const name = at(value, ['metadata', 'name']) ?? at(value, ['metadata', 'generateName']);
  return [{ object: value, path, kind: value['kind'], name: typeof name === 'string' ? name : '' }];
}

const TEMPLATES: Record<string, Path> = {
  Pod: [],
  Deployment: ['spec', 'template'],
  StatefulSet: ['spec', 'template'],
  DaemonSet: ['spec', 'template'],
  ReplicaSet: ['spec', 'template'],
  ReplicationController: ['spec', 'template'],
  Job: ['spec', 'template'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template'],
};

/** Where the pod template of a kind is; undefined for kinds without pods. */
export function templatePath(kind: string): Path | undefined {
  return TEMPLATES[kind];
}
