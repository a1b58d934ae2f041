import type { Service } from '../../../lib/kube/types.ts';
import { servicePort } from '../../cluster/mesh.ts';
import type { Backend } from '../outbound/model.ts';
import type { FieldProblem } from '../../../lib/traffic/read.ts';
import { serviceBackend, settingsOf } from './context.ts';
import type { Sources } from './context.ts';

const FIELD = 'failover';

/** The service, then those that it fails over to, then those that these fail over to, each once. */
export function failoverChain(service: Service, port: number, sources: Sources): Backend[] {
  return follow(service, port, sources, () => undefined).map((one) => serviceBackend(one.service, one.port, sources));
}

/** What is wrong with the failover of a service: targets that are not there, and ways that lead back. */
export function failoverProblems(service: Service, sources: Sources): FieldProblem[] {
  const problems = new Map<string, FieldProblem>();
  for (const { port, protocol = 'TCP' } of service.spec.ports ?? []) {
    if (protocol !== 'TCP') continue;
    follow(service, port, sources, (message) => void problems.set(message, { field: FIELD, message }));
  }
  return [...problems.values()];
}

interface Step { service: Service; port: number }

/** `problem` hears of what the first service itself is to blame for. */
function follow(service: Service, port: number, sources: Sources, problem: (message: string) => void): Step[] {
  const chain: Step[] = [];
  const seen = new Set<string>();
  const visit = (at: Step, path: string[]): void => {
    const { name, namespace } = at.service.metadata;
    seen.add(`${namespace}/${name}:${at.port}`);
    chain.push(at);
    for (const ref of settingsOf(at.service, sources).failover) {
      const to = { key: `${ref.namespace}/${ref.name}`, port: ref.port ?? at.port };
      const id = `${to.key}:${to.port}`;
      if (seen.has(id)) {
        if ([...path, `${namespace}/${name}:${at.port}`].includes(id)) problem(`failover leads back: ${[...path, `${namespace}/${name}:${at.port}`, id].join(' to ')}; it ends before that`);
        continue;
      }
      const target = sources.view.service(to.key);
      if (target !== undefined && servicePort(target, to.port) !== undefined) visit({ service: target, port: to.port }, [...path, `${namespace}/${name}:${at.port}`]);
      else if (path.length === 0) problem(`failover names Service ${to.key}, which ${target === undefined ? 'does not exist' : `has no TCP port ${to.port}`}; it is left out`);
    }
  };
  visit({ service, port }, []);
  return chain;
}
