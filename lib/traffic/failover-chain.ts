import type { Service } from '../kube/types.ts';
import { servicePort } from '../mesh/service-port.ts';
import type { ServicePortRef } from './failover.ts';
import type { FieldProblem } from './read.ts';

export interface FailoverView {
  /** by namespace/name */
  service(key: string): Service | undefined;
  /** what its annotation names */
  failoverOf(service: Service): readonly ServicePortRef[];
}

export interface Step { service: Service; port: number }

const FIELD = 'failover';

/** The service, then those that it fails over to, then those that these fail over to, each once. */
export function failoverSteps(service: Service, port: number, view: FailoverView): Step[] {
  return follow(service, port, view, () => undefined);
}

/** What is wrong with the failover of a service: targets that are not there, and ways that lead back. */
export function failoverProblems(service: Service, view: FailoverView): FieldProblem[] {
  const problems = new Map<string, FieldProblem>();
  for (const { port, protocol = 'TCP' } of service.spec.ports ?? []) {
    if (protocol !== 'TCP') continue;
    follow(service, port, view, (message) => void problems.set(message, { field: FIELD, message }));
  }
  return [...problems.values()];
}

/** `problem` hears of what the first service itself is to blame for. */
function follow(service: Service, port: number, view: FailoverView, problem: (message: string) => void): Step[] {
  const chain: Step[] = [];
  const seen = new Set<string>();
  const visit = (at: Step, path: string[]): void => {
    const { name, namespace } = at.service.metadata;
    const way = [...path, `${namespace}/${name}:${at.port}`];
    seen.add(way.at(-1)!);
    chain.push(at);
    for (const ref of view.failoverOf(at.service)) {
      const to = { key: `${ref.namespace}/${ref.name}`, port: ref.port ?? at.port };
      const id = `${to.key}:${to.port}`;
      if (seen.has(id)) {
        if (way.includes(id)) problem(`failover leads back: ${[...way, id].join(' to ')}; it ends before that`);
        continue;
      }
      const target = view.service(to.key);
      if (target !== undefined && servicePort(target, to.port) !== undefined) visit({ service: target, port: to.port }, way);
      else if (path.length === 0) problem(`failover names Service ${to.key}, which ${target === undefined ? 'does not exist' : `has no TCP port ${to.port}`}; it is left out`);
    }
  };
  visit({ service, port }, []);
  return chain;
}
