/** JSON Patch (RFC 6902) as the webhooks write it. Only these three operations are ever needed. */
export type JsonPatchOp =
  | { op: 'add'; path: string; value: unknown }
  | { op: 'replace'; path: string; value: unknown }
  | { op: 'remove'; path: string };

/** JSON Pointer (RFC 6901) of unescaped segments: pointer('metadata', 'labels', 'a/b') is /metadata/labels/a~1b. */
export function pointer(...segments: (string | number)[]): string {
  return segments.map((s) => `/${String(s).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/**
 * Operations that set `entries` in the string map at `path` (labels, annotations), whose present value is `current`.
 * The map itself is added when it is absent: an `add` below a missing parent is an error.
 */
export function setEntries(path: string[], current: Record<string, string> | undefined, entries: Record<string, string>): JsonPatchOp[] {
  const changed = Object.entries(entries).filter(([k, v]) => current?.[k] !== v);
  if (changed.length === 0) return [];
  const root: JsonPatchOp[] = current === undefined || current === null ? [{ op: 'add', path: pointer(...path), value: {} }] : [];
  return [...root, ...changed.map(([k, value]): JsonPatchOp => ({ op: 'add', path: pointer(...path, k), value }))];
}
