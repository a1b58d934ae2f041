import { INJECT, INJECT_ALIAS } from '../../api/annotations.ts';
import { INJECT_CARRIED } from '../../api/webhooks.ts';
import type { Metadata } from '../metadata.ts';
import { type JsonPatchOp, pointer, setEntries } from '../patch.ts';
import { VALUES, carriedBefore, formatCarried, misunderstood } from './carried.ts';

interface Template { metadata?: Metadata | null | undefined }

/** A Deployment, StatefulSet, DaemonSet, ReplicaSet, Job or CronJob, as far as its template's annotations go. */
export interface WorkloadLike {
  kind?: string | undefined;
  metadata?: Metadata | undefined;
  spec?: { template?: Template | undefined; jobTemplate?: { spec?: { template?: Template | undefined } | undefined } | undefined } | undefined;
}

export interface Carried { operations: JsonPatchOp[]; warnings: string[] }

/** Pods of a standalone ReplicaSet are not replaced when its template changes. */
const NOT_ROLLED_OUT = new Set(['ReplicaSet']);

function templateOf(object: WorkloadLike): { path: string[]; template: Template | undefined } {
  if (object.kind === 'CronJob') return { path: ['spec', 'jobTemplate', 'spec', 'template'], template: object.spec?.jobTemplate?.spec?.template };
  return { path: ['spec', 'template'], template: object.spec?.template };
}

/**
 * Carries the inject annotation of a workload into its pod template, so that annotating the workload itself rolls its pods out meshed, and
 * takes it out again when it is gone from the workload. Only what was carried is taken out: INJECT_CARRIED on the workload says what that is.
 *
 * @param old the object before an UPDATE
 */
export function carryToTemplate(object: WorkloadLike, old?: WorkloadLike | null): Carried {
  const { path, template } = templateOf(object);
  if (template === undefined) return { operations: [], warnings: [] };
  const before = carriedBefore(object.metadata, old?.metadata);
  const after = new Map<string, string>();
  const set: Record<string, string> = {};
  const gone: string[] = [];
  const warnings: string[] = [];

  for (const key of [INJECT, INJECT_ALIAS]) {
    const asked = object.metadata?.annotations?.[key];
    const present = template.metadata?.annotations?.[key];
    const carried = before.get(key);
    if (asked === undefined) {
      if (carried !== undefined && present === carried) gone.push(key);
    } else if (!VALUES.includes(asked)) {
      warnings.push(misunderstood(key, asked));
      if (carried !== undefined && present === carried) after.set(key, carried);
    } else if (present === asked) {
      if (carried === asked) after.set(key, asked);
    } else {
      if (present !== undefined && present !== carried) warnings.push(`the pod template had ${key}=${present}; it is now ${asked}, as on the ${object.kind ?? 'workload'} itself`);
      set[key] = asked;
      after.set(key, asked);
    }
  }

  const operations: JsonPatchOp[] = [];
  if (Object.keys(set).length > 0) {
    if (template.metadata === undefined || template.metadata === null) operations.push({ op: 'add', path: pointer(...path, 'metadata'), value: {} });
    operations.push(...setEntries([...path, 'metadata', 'annotations'], template.metadata?.annotations, set));
  }
  operations.push(...gone.map((key): JsonPatchOp => ({ op: 'remove', path: pointer(...path, 'metadata', 'annotations', key) })));
  if (operations.length > 0 && NOT_ROLLED_OUT.has(object.kind ?? '')) {
    warnings.push(`the pods of a ${object.kind} are not replaced by themselves: delete them, and the new ones follow the changed template`);
  }
  operations.push(...mark(object.metadata, after));
  return { operations, warnings };
}

function mark(metadata: Metadata | undefined, carried: ReadonlyMap<string, string>): JsonPatchOp[] {
  if (carried.size > 0) return setEntries(['metadata', 'annotations'], metadata?.annotations, { [INJECT_CARRIED]: formatCarried(carried) });
  return metadata?.annotations?.[INJECT_CARRIED] === undefined ? [] : [{ op: 'remove', path: pointer('metadata', 'annotations', INJECT_CARRIED) }];
}
