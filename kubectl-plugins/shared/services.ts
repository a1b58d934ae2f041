import type { Service } from '../../lib/kube/types.ts';
import { CliError, UsageError } from './errors.ts';

/** RFC 1035 label: what a Service may be called. */
export const SERVICE_NAME = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** Name of the Service in `svc/web`, `service/web` or `web`. Throws UsageError. */
export function parseService(given: string): string {
  const [kind, name, ...more] = given.includes('/') ? given.split('/') : ['svc', given];
  if (more.length > 0 || !['svc', 'service', 'services'].includes(kind!) || !SERVICE_NAME.test(name!)) throw new UsageError(`${JSON.stringify(given)} is no Service; write svc/NAME, such as svc/web.`);
  return name!;
}

/** A port of a Service: the one asked for, or its only one. Throws CliError. */
export function portOf(service: Service, wanted: number | undefined): number {
  const ports = (service.spec.ports ?? []).map((p) => p.port);
  const { name } = service.metadata;
  if (wanted !== undefined && !ports.includes(wanted)) throw new CliError(`Service ${name} has no port ${wanted}; it has ${ports.join(', ') || 'none'}.`);
  if (wanted !== undefined) return wanted;
  const [only, ...more] = ports;
  if (only === undefined) throw new CliError(`Service ${name} has no ports.`);
  if (more.length > 0) throw new CliError(`Service ${name} has several ports: ${ports.join(', ')}. Say which one with --port.`);
  return only;
}
