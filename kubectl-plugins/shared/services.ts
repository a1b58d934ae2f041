import { UsageError } from './errors.ts';

const NAME = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** Name of the Service in `svc/web`, `service/web` or `web`. Throws UsageError. */
export function parseService(given: string): string {
  const [kind, name, ...more] = given.includes('/') ? given.split('/') : ['svc', given];
  if (more.length > 0 || !['svc', 'service', 'services'].includes(kind!) || !NAME.test(name!)) throw new UsageError(`${JSON.stringify(given)} is no Service; write svc/NAME, such as svc/web.`);
  return name!;
}
