/** Refuses what cannot work, field by field. */
import type { MeshConfig } from '../../api/config.ts';
import type { KubeObject } from '../../lib/kube/types.ts';
import type { FieldProblem } from '../../lib/traffic/read.ts';
import type { AdmissionRequest, Verdict } from '../admission.ts';
import { problemsOf } from './problems.ts';

/**
 * Answers for objects of the mesh's kinds, routes and Services. An update is refused only for what it brings: a mistake that is stored already, from
 * before an upgrade say, must not keep controllers from writing the object, so it is a warning.
 */
export function createValidator(config: Pick<MeshConfig, 'trustDomain' | 'controlNamespace'>): (request: AdmissionRequest) => Verdict {
  return ({ kind, namespace, object, oldObject }) => {
    if (!isKubeObject(object)) return { operations: [], warnings: [] };
    const problems = problemsOf(kind.kind, inNamespace(object, namespace), config);
    const known = new Set(isKubeObject(oldObject) ? problemsOf(kind.kind, inNamespace(oldObject, namespace), config).map(textOf) : []);
    return {
      operations: [],
      warnings: problems.map(textOf).filter((text) => known.has(text)),
      refused: problems.filter((problem) => !known.has(textOf(problem))),
    };
  };
}

const textOf = ({ field, message }: FieldProblem): string => `${field}: ${message}`;

function isKubeObject(value: unknown): value is KubeObject {
  return typeof value === 'object' && value !== null && typeof (value as { metadata?: unknown }).metadata === 'object' && (value as { metadata?: unknown }).metadata !== null;
}

/** Objects that are being created may leave their namespace to the request. */
function inNamespace(object: KubeObject, namespace: string): KubeObject {
  return { ...object, metadata: { ...object.metadata, namespace } };
}
