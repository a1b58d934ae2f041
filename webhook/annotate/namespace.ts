import { INJECT, injectAnnotation } from '../../api/annotations.ts';
import { INJECT_CARRIED } from '../../api/webhooks.ts';
import type { Metadata, NamespaceLike } from '../metadata.ts';
import { type JsonPatchOp, pointer, setEntries } from '../patch.ts';
import { VALUES, carriedBefore, formatCarried, misunderstood } from './carried.ts';

export interface Mirrored {
  operations: JsonPatchOp[];
  warnings: string[];
  /** the change switches injection on: pods that run already are as they were */
  becomesEnabled: boolean;
}

/** The namespace's metadata as people wrote it: without a label that was mirrored from an annotation. */
function written(metadata: Metadata | undefined, carried: ReadonlyMap<string, string>): Metadata {
  const labels = { ...metadata?.labels };
  if (labels[INJECT] !== undefined && labels[INJECT] === carried.get(INJECT)) delete labels[INJECT];
  return { annotations: metadata?.annotations, labels };
}

/**
 * Mirrors what a namespace says about injection, as annotation or under Linkerd's key, into the label kubectl-mesh.io/inject: the selector
 * of the injector's webhook sees labels only. A mirrored label goes when its cause goes; a label that a person set stays.
 */
export function mirrorToLabel(namespace: NamespaceLike, old?: NamespaceLike | null): Mirrored {
  const { metadata } = namespace;
  const carried = carriedBefore(metadata, old?.metadata);
  const people = written(metadata, carried);
  const asked = injectAnnotation(people);
  const warnings: string[] = [];
  const operations: JsonPatchOp[] = [];
  const present = metadata?.labels?.[INJECT];
  const valid = asked !== undefined && VALUES.includes(asked.value);
  if (asked !== undefined && !valid) warnings.push(misunderstood(asked.key, asked.value));

  const mirrored = new Map<string, string>();
  if (valid && people.labels?.[INJECT] !== asked.value) {
    if (people.labels?.[INJECT] !== undefined) warnings.push(`the label ${INJECT}=${people.labels[INJECT]} yields to the annotation ${asked.key}=${asked.value}`);
    mirrored.set(INJECT, asked.value);
    operations.push(...setEntries(['metadata', 'labels'], metadata?.labels, { [INJECT]: asked.value }));
  } else if (present !== undefined && people.labels?.[INJECT] === undefined) {
    operations.push({ op: 'remove', path: pointer('metadata', 'labels', INJECT) });
  }

  if (mirrored.size > 0) operations.push(...setEntries(['metadata', 'annotations'], metadata?.annotations, { [INJECT_CARRIED]: formatCarried(mirrored) }));
  else if (metadata?.annotations?.[INJECT_CARRIED] !== undefined) operations.push({ op: 'remove', path: pointer('metadata', 'annotations', INJECT_CARRIED) });

  const beforehand = old === undefined || old === null ? undefined : injectAnnotation(written(old.metadata, carriedBefore(old.metadata)))?.value;
  return { operations, warnings, becomesEnabled: asked?.value === 'enabled' && old !== undefined && old !== null && beforehand !== 'enabled' };
}
