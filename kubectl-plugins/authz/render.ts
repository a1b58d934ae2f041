import { table } from '../shared/table.ts';
import type { Client } from './client.ts';
import type { Explained } from './explain.ts';
import type { Asked } from './options.ts';
import type { Row } from './rows.ts';

/** As many of a list as stand in a cell before the rest is counted; all of them with -o wide. */
const SHOWN = 3;

export function renderRows(rows: readonly Row[], wide: boolean): string {
  const cell = (all: readonly string[]): string => (wide || all.length <= SHOWN ? all.join(', ') : `${all.slice(0, SHOWN).join(', ')} and ${all.length - SHOWN} more`);
  const differ = rows.some((row) => row.pods.length > 0);
  const columns = [{ heading: 'PORT', align: 'right' as const }, { heading: 'POLICY' }, { heading: 'ACTION' }, { heading: 'FROM' }, { heading: 'TO' }];
  const more = [...(wide ? [{ heading: 'TARGET' }, { heading: 'PROTOCOL' }] : []), ...(differ ? [{ heading: 'PODS' }] : [])];
  return table([...columns, ...more], rows.map((row) => [
    String(row.port), row.policy, row.action, cell(row.from), cell(row.to), ...(wide ? [row.target || '-', row.protocol] : []), ...(differ ? [cell(row.pods) || '-'] : []),
  ]));
}

export function renderDecision(workload: string, { client, port, request, decisions }: { client: Client; port: number; request: Asked['request'] | null; decisions: Explained[] }): string {
  const who = client.identity || 'no identity';
  const what = request ? `${request.method} ${request.path}` : 'a connection that is not HTTP';
  const lines = [
    ['client', `${who}, at ${client.ip}${client.assumed ? ' (assumed; say --from-ip for another)' : ''}`],
    ['request', `${what}, to port ${port} of ${workload}`],
    ...decisions.flatMap(({ audits }) => (audits.length > 0 ? [['counted', audits.map((name) => `AuthorizationPolicy ${name}`).join(', ')]] : [])),
  ];
  const verdicts = decisions.map((one) => `${one.allowed ? 'Allowed' : 'Denied'}${decisions.length > 1 ? ` at ${one.pods.join(', ')}` : ''}: ${one.reason}.\n`);
  return `${verdicts.join('')}${lines.map(([name, value]) => `  ${name!.padEnd(8)} ${value}\n`).join('')}`;
}
