import type { V1Pod } from '@kubernetes/client-node';
import type { MeshConfig } from '../api/config.ts';
import type { KubeClient } from '../lib/kube/client.ts';
import { RESOURCES } from '../lib/kube/resources.ts';
import type { AdmissionRequest, Verdict } from './admission.ts';
import type { EventSink } from './events.ts';
import { inject } from './inject/inject.ts';
import type { InjectorMetrics } from './metrics.ts';
import { type Owner, ownerOf } from './owners.ts';

export interface InjectorDeps {
  kube: Pick<KubeClient, 'get' | 'json'>;
  /** the configuration of now: it may change while the injector runs */
  config: () => MeshConfig;
  events: EventSink;
  metrics: InjectorMetrics;
}

/**
 * Answers for one pod. Namespace and owner are read from the API server each time: a pod that is created right after its namespace was
 * annotated must not meet a stale copy. Throws when they cannot be read; the webhook then fails and the pod's creator tries again,
 * instead of a pod starting without the proxy that it asked for.
 */
export function createInjector({ kube, config, events, metrics }: InjectorDeps): (request: AdmissionRequest) => Promise<Verdict> {
  return async (request) => {
    metrics.request(request.namespace);
    const pod = request.object as V1Pod;
    const [namespace, owner] = await Promise.all([
      kube.get(RESOURCES.namespaces, request.namespace),
      ownerOf(kube, pod.metadata, request.namespace),
    ]);
    const result = inject({ pod, namespace, config: config(), owner });
    metrics.response(request.namespace, (owner?.kind ?? 'Pod').toLowerCase(), 'skipped' in result ? result.skipped : null);
    const report = (reason: Parameters<EventSink['report']>[2], message: string): void => {
      if (owner !== undefined && !request.dryRun) events.report(owner, request.namespace, reason, message);
    };
    if ('skipped' in result) {
      if (!result.wanted) return { operations: [], warnings: [] };
      report('InjectionSkipped', `The mesh's proxy was not injected: ${result.reason}`);
      return { operations: [], warnings: [`not meshed, ${describe(pod, owner)}: ${result.reason}`] };
    }
    report('Injected', 'The mesh\'s proxy was injected');
    return result;
  };
}

function describe(pod: V1Pod, owner: Owner | undefined): string {
  if (owner !== undefined) return `${owner.kind.toLowerCase()}/${owner.name}`;
  return `pod/${pod.metadata?.name ?? pod.metadata?.generateName ?? ''}`;
}
