import type { Reader } from './read.ts';

export interface ServicePortRef { name: string; namespace: string; /** that of the service that fails over, when absent */ port?: number }

const NAME = '[a-z0-9](?:[-a-z0-9]*[a-z0-9])?';
const FORM = new RegExp(`^(${NAME})(?:\\.(${NAME}))?(?::(\\d{1,5}))?$`);

/** Services to fail over to, as `name`, `name.namespace`, each with `:port` if that differs; [] for none. */
export function readFailover(reader: Reader, namespace: string): ServicePortRef[] {
  return reader.read('failover', 'a list of services as name, name.namespace or name.namespace:port, parted by commas', (text) => {
    const refs = text.split(',').map((item) => parse(item.trim(), namespace));
    return refs.includes(undefined) ? undefined : (refs as ServicePortRef[]);
  }) ?? [];
}

function parse(text: string, own: string): ServicePortRef | undefined {
  const match = FORM.exec(text);
  if (!match) return undefined;
  const [, name = '', namespace = own, port] = match;
  if (port === undefined) return { name, namespace };
  const number = Number(port);
  return number >= 1 && number <= 65_535 ? { name, namespace, port: number } : undefined;
}
