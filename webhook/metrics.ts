import { Counter, type Registry } from '@prometheus-io/client';

/** Counters of the injector; names and labels are those of Linkerd's injector, so that its alerts go on working. */
export interface InjectorMetrics {
  request(namespace: string): void;
  /** @param skip the code of the reason, or null when the pod was injected */
  response(namespace: string, ownerKind: string, skip: string | null): void;
}

export function createInjectorMetrics(registry: Registry): InjectorMetrics {
  const requests = new Counter({
    name: 'proxy_inject_admission_requests_total', help: 'Pods that the API server asked about', labelNames: ['namespace'], registers: [registry],
  });
  const responses = new Counter({
    name: 'proxy_inject_admission_responses_total', help: 'Answers about pods, and why not when a pod was skipped',
    labelNames: ['namespace', 'owner_kind', 'skip', 'skip_reason'], registers: [registry],
  });
  return {
    request: (namespace) => requests.inc({ namespace }),
    response: (namespace, ownerKind, skip) => responses.inc({ namespace, owner_kind: ownerKind, skip: String(skip !== null), skip_reason: skip ?? '' }),
  };
}
