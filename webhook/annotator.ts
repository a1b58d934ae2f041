import type { KubeClient } from '../lib/kube/client.ts';
import type { AdmissionRequest, Verdict } from './admission.ts';
import { mirrorToLabel } from './annotate/namespace.ts';
import { adviseRestart, unmeshedWorkloads } from './annotate/restart.ts';
import { type WorkloadLike, carryToTemplate } from './annotate/workload.ts';
import type { NamespaceLike } from './metadata.ts';

export interface AnnotatorDeps {
  kube: Pick<KubeClient, 'list' | 'json'>;
  /** a look at the cluster for the sake of a hint failed */
  failed: (error: unknown) => void;
}

/** Answers for workloads and namespaces. Nothing but the object itself decides; the cluster is read only to give advice. */
export function createAnnotator({ kube, failed }: AnnotatorDeps): (request: AdmissionRequest) => Promise<Verdict> {
  return async (request) => {
    if (request.kind.kind !== 'Namespace') {
      const kind = { kind: request.kind.kind };
      return carryToTemplate({ ...(request.object as WorkloadLike), ...kind }, request.oldObject as WorkloadLike | null);
    }
    const { operations, warnings, becomesEnabled } = mirrorToLabel(request.object as NamespaceLike, request.oldObject as NamespaceLike | null);
    if (!becomesEnabled) return { operations, warnings };
    const name = request.name ?? request.namespace;
    try {
      return { operations, warnings: [...warnings, ...adviseRestart(name, await unmeshedWorkloads(kube, name))] };
    } catch (error) {
      failed(error);
      return { operations, warnings };
    }
  };
}
